package pair

import "testing"

// TestIdentity: of a broker that was promoted and made to give way, the role and the
// other half stay, and the history of the log goes.
func TestIdentity(t *testing.T) {
	file := Role{Name: AsyncMaster}
	m, err := Load(nil, file)
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	err = m.Keep(func(b []byte) error { kept = b; return nil })
	if err == nil {
		err = m.Begin(0, 0, false)
	}
	if err == nil {
		err = m.NotePeer("192.0.2.7:10911", SyncMaster)
	}
	if err == nil {
		err = m.Yield(5)
	}
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Identity(kept)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(identity, file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Role() != (Role{Slave, 5}) || len(got.Peers()) != 1 || len(got.Epochs()) != 0 || got.Raised() || got.Handing() != "" {
		t.Errorf("it is %+v of %v with epochs %v", got.Role(), got.Peers(), got.Epochs())
	}
	if _, err := Identity([]byte("nonsense")); err == nil {
		t.Error("nonsense has an identity")
	}
}
