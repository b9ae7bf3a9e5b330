package broker

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

func TestResponseCode(t *testing.T) {
	cause := errors.New("/var/lib/pairmq: broken")
	tests := []struct {
		err   error
		code  int32
		known bool
	}{
		{nil, 0, true},
		{refuse(remoting.RespTopicNotExist, "no %s", "topic"), 17, true},
		{fmt.Errorf("checking: %w", refuse(remoting.RespNoPermission, "no")), 16, true},
		{fmt.Errorf("%w: a is missing", remoting.ErrField), 1, true},
		{table.CheckTopicName("../x"), 29, true},
		{record.ErrTooLong, 13, true}, {record.ErrBatch, 13, true}, {record.ErrProperties, 13, true},
		{fmt.Errorf("%w: %w", store.ErrTooLarge, cause), 13, true},
		{fmt.Errorf("%w: %w", store.ErrFlushTimeout, cause), 10, true},
		{fmt.Errorf("%w: mains is off", store.ErrHalted), 14, true},
		{fmt.Errorf("%w: %w", store.ErrDiskFull, cause), 14, true},
		{fmt.Errorf("%w: %w", store.ErrFailed, cause), 14, true},
		{fmt.Errorf("%w: %w", store.ErrReadOnly, cause), 14, true},
		{fmt.Errorf("%w: %w", store.ErrBusy, cause), 2, true},
		{fmt.Errorf("no room: %w", remoting.ErrBusy), 2, true}, {fmt.Errorf("no room: %w", remoting.ErrClosed), 14, true},
		{fmt.Errorf("%w: %w", index.ErrFailed, cause), 14, true},
		{fmt.Errorf("%w: %w", store.ErrNotFound, cause), 1, true},
		{fmt.Errorf("compare: %w: it is away", ErrPeer), 1, true},
		{cause, 1, false},
	}
	for _, test := range tests {
		code, remark := responseCode(test.err)
		if code != test.code || known(test.err) != test.known {
			t.Errorf("responseCode(%v) = %d, known %v, want %d, %v", test.err, code, known(test.err), test.code, test.known)
		}
		if strings.Contains(remark, "/var") || (remark == "") != (test.err == nil) {
			t.Errorf("responseCode(%v) says %q", test.err, remark)
		}
	}
}
