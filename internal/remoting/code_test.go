package remoting

import "testing"

func TestCodeNames(t *testing.T) {
	for i, names := range [][]codeName{requestNames[:], responseNames[:]} {
		for j := 1; j < len(names); j++ {
			if names[j-1].code >= names[j].code {
				t.Errorf("table %d: %v before %v, want them sorted and each once", i, names[j-1], names[j])
			}
		}
	}
	tests := []struct{ call, got, want string }{
		{"RequestName(10)", RequestName(10), "SEND_MESSAGE"},
		{"RequestName(200151)", RequestName(200151), "BATCH_ACK_MESSAGE"},
		{"RequestName(9)", RequestName(9), "9"},
		{"RequestName(-1)", RequestName(-1), "-1"},
		{"ResponseName(0)", ResponseName(0), "SUCCESS"},
		{"ResponseName(17)", ResponseName(17), "TOPIC_NOT_EXIST"},
		{"ResponseName(99999)", ResponseName(99999), "99999"},
		{"Go.String()", Go.String(), "GO"},
		{"NodeJS.String()", NodeJS.String(), "NODE_JS"},
		{"Language(200).String()", Language(200).String(), "200"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.call, tt.got, tt.want)
		}
	}
}
