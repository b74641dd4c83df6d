package settle_test

import (
	"bytes"
	"reflect"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/settle"
)

var outcomes = map[string][]settle.Publication{
	"none":  nil,
	"empty": {{Publishing: broker.Publishing{Body: []byte{}}}},
	"full": {
		{Publishing: broker.Publishing{Queue: "q", Body: []byte("b"), Priority: 255, ID: "i"}, Override: true, Whole: true, Fallback: "f"},
		{Publishing: broker.Publishing{Queue: "w", Body: []byte{}}, Whole: true},
		{Publishing: broker.Publishing{Queue: "results", Body: bytes.Repeat([]byte{0}, 300)}},
	},
}

func TestOutcome(t *testing.T) {
	for name, want := range outcomes {
		got, err := settle.Decode(settle.Encode(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestOutcomeCutShort: whatever is missing at the end, it is an error or whole publications, never a panic or half of one.
func TestOutcomeCutShort(t *testing.T) {
	whole := settle.Encode(outcomes["full"])
	for n := range whole {
		ps, err := settle.Decode(whole[:n])
		if err == nil && len(ps) > 0 && !reflect.DeepEqual(ps, outcomes["full"][:len(ps)]) {
			t.Errorf("%d of %d bytes: %+v", n, len(whole), ps)
		}
	}
	if _, err := settle.Decode([]byte{2}); err == nil {
		t.Error("another version is taken for ours")
	}
}

func FuzzDecode(f *testing.F) {
	for _, ps := range outcomes {
		f.Add(settle.Encode(ps))
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, err := settle.Decode(b)
		if err != nil {
			return
		}
		again, err := settle.Decode(settle.Encode(ps))
		if err != nil || !reflect.DeepEqual(again, ps) {
			t.Errorf("%x: %+v, then %+v, %v", b, ps, again, err)
		}
	})
}
