package control_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

func message(bytes ...byte) engine.Message {
	var m engine.Message
	for i, b := range bytes {
		m |= engine.Message(b) << (8 * i)
	}
	return m
}

// decode feeds messages, written as in "B0 07 40", and returns the changes as in "ch0.cc7=64".
func decode(t *testing.T, d *control.Decoder, words string) []string {
	t.Helper()
	messages, err := engine.ParseMessages(words)
	require.NoError(t, err)
	var all []string
	for _, m := range messages {
		for _, c := range changes(d, m) {
			all = append(all, fmt.Sprintf("%v=%d", c.Control, c.Raw))
		}
	}
	return all
}

// changes returns all that a message changes.
func changes(d *control.Decoder, m engine.Message) (all []control.Change) {
	c, ok, completed := d.Decode(m)
	if completed {
		all = append(all, d.Completed()...)
	}
	if ok {
		all = append(all, c)
	}
	return all
}

func TestEachMessageChangesItsControl(t *testing.T) {
	var d control.Decoder
	for words, want := range map[string][]string{
		"90 3C 64":             {"ch0.note60=100"},
		"90 3C 00":             {"ch0.note60=0"},
		"8F 3C 64":             {"ch15.note60=0"},
		"A1 3C 7F":             {"ch1.pressure60=127"},
		"B2 07 01":             {"ch2.cc7=1"},
		"C3 05":                {"ch3.program=5"},
		"D4 06":                {"ch4.aftertouch=6"},
		"E5 01 40":             {"ch5.pitch=8193"},
		"E5 7F 7F":             {"ch5.pitch=16383"},
		"F8 FA FB FC FE FF F6": nil,
		"F1 05 F2 01 02 F3 04": nil,
	} {
		assert.Equal(t, want, decode(t, &d, words), words)
	}
}

func TestReleaseVelocityIsKept(t *testing.T) {
	var d control.Decoder
	assert.EqualValues(t, 33, changes(&d, message(0x80, 60, 33))[0].Release)
	assert.EqualValues(t, 64, changes(&d, message(0x90, 60, 0))[0].Release)
}

func TestParametersAsMIDIMonsterAssemblesThem(t *testing.T) {
	const select645 = "B0 65 05 B0 64 05 " // RPN 645
	for _, c := range []struct {
		words string
		want  []string // apart from the control changes themselves
	}{
		{select645 + "B0 06 01 B0 26 02", []string{"ch0.rpn645=130"}},
		{"B0 63 7F B0 62 7F B0 06 01 B0 26 02", []string{"ch0.nrpn16383=130"}},
		{"B0 62 01 B0 63 02 B0 06 7F B0 26 7F", []string{"ch0.nrpn257=16383"}},
		{select645 + "B0 06 01 B0 06 03 B0 26 02 B0 26 04", []string{"ch0.rpn645=386"}},
		{select645 + "B0 26 02", nil},
		{select645 + "B0 06 01 B0 64 05 B0 26 02", nil},          // a new number cancels
		{select645 + "B0 65 7F B0 64 7F B0 06 01 B0 26 02", nil}, // null
		{select645 + "B0 65 7F B0 06 01 B0 26 02", nil},          // half a null
		{select645 + "B0 64 7F B0 06 01 B0 26 02", nil},          // the other half
		{select645 + "B0 65 7F B0 65 05 B0 06 01 B0 26 02", []string{"ch0.rpn645=130"}},
		{select645 + "B0 63 01 B0 06 01 B0 26 02", nil},       // half an NRPN
		{"B0 63 01 B0 62 02 B0 65 05 B0 06 01 B0 26 02", nil}, // half an RPN
		{select645 + "B1 06 01 B1 26 02", nil},                // another channel
		{"B0 65 00 B0 64 7F B0 06 01 B0 26 02", nil},          // 127 is no lower half either
		{select645 + "B0 06 01 B1 65 00 90 3C 64 B0 26 02", []string{"ch0.rpn645=130", "note"}},
		{select645 + "B0 60 00 B0 06 01 B0 61 00 B0 26 02", []string{"ch0.rpn645=130"}},
	} {
		var d control.Decoder
		var got []string
		for _, change := range decode(t, &d, c.words) {
			var channel, number, value int
			if n, _ := fmt.Sscanf(change, "ch%d.cc%d=%d", &channel, &number, &value); n == 3 {
				continue
			}
			if n, _ := fmt.Sscanf(change, "ch%d.note%d=%d", &channel, &number, &value); n == 3 {
				change = "note"
			}
			got = append(got, change)
		}
		assert.ElementsMatch(t, c.want, got, c.words)
	}
}

// The parameter comes before the control change that completed it, and that comes too.
func TestTransportIsDeliveredToo(t *testing.T) {
	const words = "B0 65 00 B0 64 01 B0 06 02 B0 26 03"
	var d control.Decoder
	assert.Equal(t, []string{"ch0.cc101=0", "ch0.cc100=1", "ch0.cc6=2", "ch0.rpn1=259", "ch0.cc38=3"}, decode(t, &d, words))
	d = control.Decoder{Options: control.DecoderOptions{Bare: true}}
	assert.Equal(t, []string{"ch0.rpn1=259"}, decode(t, &d, words))
	assert.Equal(t, []string{"ch0.cc7=1", "ch0.cc96=0"}, decode(t, &d, "B0 07 01 B0 60 00"))
}

func TestCoarseParameters(t *testing.T) {
	d := control.Decoder{Options: control.DecoderOptions{Coarse: true, Bare: true}}
	assert.Equal(t, []string{"ch0.rpn0=0", "ch0.rpn0=16383"}, decode(t, &d, "B0 65 00 B0 64 00 B0 06 00 B0 06 7F"), "seven bits reach both ends")
	assert.Equal(t, []string{"ch0.rpn0=129", "ch0.rpn0=131", "ch0.rpn0=132"}, decode(t, &d, "B0 06 01 B0 26 03 B0 26 04"))
	assert.Equal(t, []string{"ch0.rpn0=133", "ch0.rpn0=132"}, decode(t, &d, "B0 60 00 B0 61 00"), "steps of one")
	assert.Equal(t, []string{"ch0.rpn0=129", "ch0.rpn0=258", "ch0.rpn0=129", "ch0.rpn0=0", "ch0.rpn0=0"},
		decode(t, &d, "B0 06 01 B0 60 00 B0 61 00 B0 61 00 B0 61 00"), "steps of the upper seven bits, to the end")
	assert.Equal(t, []string{"ch0.rpn0=16383", "ch0.rpn0=16383", "ch0.rpn0=16383", "ch0.rpn0=16383"},
		decode(t, &d, "B0 06 7F B0 60 00 B0 26 7F B0 60 00"))
	assert.Empty(t, decode(t, &d, "B0 65 7F B0 64 7F B0 06 01 B0 60 00 B0 26 01"), "no parameter")
	assert.Empty(t, decode(t, &d, "B0 63 7F B0 62 7F B0 06 01 B0 61 00 B0 26 01"), "NRPN 127/127 is none")
	assert.Empty(t, decode(t, &d, "B0 65 00 B0 64 00 B0 60 00 B0 26 01"), "no value yet")
	assert.Equal(t, []string{"ch0.nrpn16261=8256"}, decode(t, &d, "B0 65 7F B0 64 7F B0 63 7F B0 62 05 B0 06 40"), "after a null, 127 is a half like others")
}

func TestPairs(t *testing.T) {
	d := control.Decoder{Options: control.DecoderOptions{Pairs: true}}
	assert.Equal(t, []string{"ch0.cc39=5"}, decode(t, &d, "B0 27 05"), "the upper half has not come")
	assert.Equal(t, []string{"ch0.cc14.7=8192", "ch0.cc7=64", "ch0.cc14.7=8197", "ch0.cc39=5", "ch0.cc14.7=8198", "ch0.cc39=6"},
		decode(t, &d, "B0 07 40 B0 27 05 B0 27 06"))
	assert.Equal(t, []string{"ch0.cc14.7=8320", "ch0.cc7=65"}, decode(t, &d, "B0 07 41"), "the upper half clears the lower")
	assert.Equal(t, []string{"ch0.cc14.31=128", "ch0.cc31=1", "ch0.cc14.31=130", "ch0.cc63=2"}, decode(t, &d, "B0 1F 01 B0 3F 02"), "the last pair")
	assert.Equal(t, []string{"ch1.cc39=1", "ch0.cc64=1"}, decode(t, &d, "B1 27 01 B0 40 01"))
}

func TestResetForgetsWhatIsHalfReceived(t *testing.T) {
	d := control.Decoder{Options: control.DecoderOptions{Pairs: true, Bare: true}}
	decode(t, &d, "B0 65 00 B0 64 01 B0 06 02 B0 07 40")
	d.Reset()
	assert.Equal(t, []string{"ch0.cc39=5"}, decode(t, &d, "B0 26 03 B0 27 05"))
}

// MIDIMonster converts by dividing and multiplying in floating point; whole numbers do the same.
func TestConversionIsThatOfFloatingPoint(t *testing.T) {
	for _, from := range []control.Type{control.CC, control.Pitch} {
		for raw := range from.Max() + 1 {
			c := control.Change{Control: control.Control{Type: from}, Raw: raw}
			v := control.NewValues(c.Wide(), 0)
			if v[control.Value7] != uint32(c.Normalised()*127) || v[control.Value14] != uint32(c.Normalised()*16383) {
				t.Fatalf("%v %d: %v", from, raw, v)
			}
		}
	}
}
