//go:build cgo

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// newFolder makes a folder of the test's own. T.TempDir cannot be removed under Wine, which lacks the
// call that os.RemoveAll makes there.
func newFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "onset")
	require.NoError(t, err)
	t.Cleanup(func() {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		assert.NoError(t, err)
		for _, file := range append(files, folder) {
			assert.NoError(t, os.Remove(file))
		}
	})
	return folder
}

// write writes a file in a folder and returns its name.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

const through = "[winmidi in]\nread = Loopback A\n[winmidi out]\nwrite = Loopback B\nreset = off\n[map]\n"

func TestCheckShowsWhatARigDoes(t *testing.T) {
	long := strings.Repeat("01 ", 200)
	file := write(t, newFolder(t), "rig.cfg", through+"[loopback mid]\n[map]\nin.ch0.cc1 > mid.a\nmid.a > out.ch1.pitchwheel\nin.ch0.note1 > out.ch0.nrpn5\n"+
		"in.ch0.note2 > out.mode1\nin.ch0.note3 > out.dump\n"+
		"[winmidi more]\nread = More\nthru.out = sysex\n[winmidi last]\nmessage.a = FA\n")
	code, stdout, stderr := command(t, nil, "check", file, "-i", "out.epn-tx=short", "-b", "winmidi.detect=on", "-i", "out.write=Some, where",
		"-i", "out.message.mode1 = F0 47 7F 29 60 00 04 41 08 02 01 F7", "-i", "out.message.dump = F0 "+long+"F7")
	assert.Zero(t, code)
	assert.Equal(t, `in     winmidi, reads "Loopback A"
out    winmidi, writes "Some, where"
mid    loopback
more   winmidi, reads "More"
last   winmidi

in.ch0.note1   > out.ch0.nrpn5   poller   B0 63 00 B0 62 05 B0 06 msb B0 26 lsb   (out.mode1 is system exclusive)
in.ch0.note2   > out.mode1       poller   F0 47 7F 29 60 00 04 41 08 02 01 F7   (out.mode1 is system exclusive)
in.ch0.note3   > out.dump        poller   F0 `+long[:297]+` ...   (out.mode1 is system exclusive)
in.ch0.cc1     > out.ch1.pitch   poller   E1 lsb msb   (over 1 loopback)   (out.mode1 is system exclusive)
more.F0        > out (thru)      poller   F0 ... F7   (system exclusive messages are passed on)
`, stdout)
	assert.Equal(t, "warning: "+file+":10:13: \"wheel\" after ch1.pitch is ignored | mid.a > out.ch1.pitchwheel\n", stderr)
}

func TestBadRigsAreALineForEachProblem(t *testing.T) {
	folder := newFolder(t)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"three.cfg": {through + "in.ch0.cc1 > on.ch0.cc1\n[artnet x]\n[map]\nin.ch0.cc{1..5 > out.ch0.cc1\n", []string{
			`:7:14: no instance "on"`, `:8:2: no backend "artnet"`, `:10:10: { has no }`}},
		"self.cfg":    {"[include self.cfg]\n", []string{`:1:10: `}},
		"missing.cfg": {"[include gone.cfg]\n", []string{`:1:10: cannot be included: `}},
		"line.cfg":    {"[map]\n" + strings.Repeat("x", 10<<20), []string{`:2:1: the line has 10485760 bytes`}},
		"many.cfg":    {"[map]\n" + strings.Repeat("x\n", 150), append(repeated(`a mapping was expected`, 100), `and 50 more`)},
	} {
		file := write(t, folder, name, c.text)
		for _, verb := range []string{"check", "run"} {
			code, stdout, stderr := command(t, nil, verb, file)
			assert.Equal(t, 1, code)
			assert.Empty(t, stdout)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			require.Len(t, lines, len(c.want), stderr)
			for i, line := range lines {
				assert.True(t, strings.HasPrefix(line, "onset: "), line)
				assert.Contains(t, line, c.want[i])
			}
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"check", filepath.Join(folder, "none.cfg")}, "none.cfg"},
		{[]string{"check", folder}, folder},
		{[]string{"check", write(t, folder, "ok.cfg", through), "-i", "in"}, `override "in": INSTANCE.option=value was expected`},
		{[]string{"check", filepath.Join(folder, "ok.cfg"), "-b", "winmidi.on=1"}, `override winmidi.on=1: the backend winmidi has no option "on"`},
		{[]string{"run", filepath.Join(folder, "ok.cfg"), "-i", "in.read=Launch", "-i", "out.write=9"},
			`instance in: no input port "Launch"; there are 0 "Loopback A", 1 "Loopback B"; instance out: no output port "9"; there are 0 "Loopback A", 1 "Loopback B"`},
	} {
		code, stdout, stderr := command(t, nil, c.args...)
		assert.Equal(t, 1, code)
		assert.Empty(t, stdout)
		assert.Regexp(t, `^onset: [^\n]*\n$`, stderr)
		assert.Contains(t, stderr, c.want)
	}
}

func repeated(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// output is what a program under way has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(o.String(), text) }, 20*time.Second, time.Millisecond, "%q in %v", text, o)
}

// running is onset run under way, on cables that the test plays on.
type running struct {
	t              *testing.T
	loop           *engine.Loopback
	in             *engine.Output
	out            *engine.Input
	test           *engine.Engine
	stdout, stderr output
	end            func() (code int)
}

func run(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t}
	var err error
	r.loop, err = engine.NewLoopback("Loopback A", "Loopback B")
	require.NoError(t, err)
	r.test, err = engine.Open(engine.Options{Driver: r.loop, NormalPriority: true})
	require.NoError(t, err)
	r.in, err = r.test.OpenOutput(engine.Index(0), engine.OutputOptions{})
	require.NoError(t, err)
	r.out, err = r.test.OpenInput(engine.Index(1), engine.InputOptions{})
	require.NoError(t, err)
	p := program{stdout: &r.stdout, stderr: &r.stderr, driver: func(string) (engine.Driver, error) { return borrowed{r.loop}, nil }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, append([]string{"run"}, args...)) }()
	r.end = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		r.end()
		assert.NoError(t, r.test.Close())
		assert.Zero(t, r.loop.OpenPorts())
		r.loop.Close()
	})
	r.stderr.await(t, "Ctrl-C ends")
	return r
}

// send sends a message into Loopback A and returns what comes out of Loopback B.
func (r *running) send(words string) string {
	r.t.Helper()
	messages, err := engine.ParseAny(words)
	require.NoError(r.t, err)
	for _, m := range messages {
		if m.SysEx != nil {
			require.NoError(r.t, r.in.SendSysEx(m.SysEx))
		} else {
			require.NoError(r.t, r.in.Send(m.Short))
		}
	}
	return r.receive()
}

func (r *running) receive() string {
	r.t.Helper()
	return hear(r.t, r.test, 1)[0]
}

// hear returns the bytes of the next messages that an engine receives.
func hear(t *testing.T, eng *engine.Engine, count int) (all []string) {
	t.Helper()
	events := make([]engine.Event, 1)
	eng.SetReadDeadline(time.Now().Add(20 * time.Second))
	for len(all) < count {
		_, err := eng.ReadInto(events)
		require.NoError(t, err, "after %q", all)
		if ev := &events[0]; ev.Kind != engine.KindMessage && ev.Kind != engine.KindSysEx { // of ports, or the list of them
			continue
		}
		all = append(all, engine.AnyMessage{Short: events[0].Message, SysEx: events[0].SysEx}.Hex())
	}
	return all
}

// What the machine grants a rig is said when it begins.
func TestRunSaysWhatIsGranted(t *testing.T) {
	file := write(t, newFolder(t), "rig.cfg", through+"in.ch0.note60 > out.ch1.note61\n")
	for flag, want := range map[string]string{
		"--awake":    `\nkeeping the machine awake: (not )?granted.*; at full speed: (not )?granted.*\n`,
		"--no-awake": `\nkeeping the machine awake: not asked for; at full speed: not asked for\n`,
	} {
		r := run(t, file, flag)
		assert.Regexp(t, want, "\n"+r.stderr.String())
		assert.Zero(t, r.end())
	}
}

func TestRunARig(t *testing.T) {
	file := write(t, newFolder(t), "rig.cfg", "[backend winmidi]\nlist = on\ndetect = on\n"+through+"in.ch0.note60 > out.ch1.note61\n")
	r := run(t, file, "--wait=park")
	assert.Equal(t, "91 3D 40", r.send("note-on 1 60 64"))
	assert.Zero(t, r.end())
	assert.Equal(t, "81 3D 40", r.receive(), "the note is switched off")
	assert.Contains(t, r.stdout.String(), "input   name         manufacturer")
	assert.Contains(t, r.stdout.String(), "\nIncoming data on channel in.ch0.note60, value 0.503937\n")
	assert.Contains(t, r.stderr.String(), "in: 1 changes and 0 system messages received; 0 messages sent, 0 refused, 0 without an output\n")
	assert.Contains(t, r.stderr.String(), "out: 0 changes and 0 system messages received; 1 messages sent")
}

func TestRunARigWithSystemExclusive(t *testing.T) {
	text := strings.Replace(through, "reset = off\n", "reset = off\nmessage.mode1 = F0 47 7F 29 60 00 04 41 08 02 01 F7\n", 1)
	text = strings.Replace(text, "read = Loopback A\n", "read = Loopback A\nthru.out = sysex\n", 1)
	r := run(t, write(t, newFolder(t), "rig.cfg", text+"in.ch0.cc1 > out.mode1\n"))
	assert.Equal(t, "F0 47 7F 29 60 00 04 41 08 02 01 F7", r.send("control-change 1 1 1"))
	assert.Equal(t, "F0 7E 7F 06 01 F7", r.send("sysex 7E 7F 06 01"))
	faults, err := engine.ParseFaults(strings.NewReader("message cable=0 nth=1 -> MIM_LONGERROR bytes=3"), "faults")
	require.NoError(t, err)
	require.NoError(t, r.loop.Script(faults))
	require.NoError(t, r.in.Send(engine.Start))
	assert.Equal(t, "F0 47 7F 29 60 00 04 41 08 02 01 F7", r.send("control-change 1 1 2"), "what came before has been handled")
	r.stderr.await(t, "in: a sysex message did not come to its end, and is left out\n")
	assert.Zero(t, r.end())
	assert.Contains(t, r.stderr.String(), "in: 2 changes and 3 system messages received (1 of them broken); 0 messages sent, 0 refused")
}

func TestRunWatchesItsFiles(t *testing.T) {
	folder := newFolder(t)
	write(t, folder, "map.cfg", "in.ch0.cc1 > out.ch0.cc2\n")
	file := write(t, folder, "rig.cfg", through+"[include map.cfg]\n")
	r := run(t, file, "--watch")
	assert.Equal(t, "B0 02 05", r.send("B0 01 05"))

	write(t, folder, "map.cfg", "in.ch0.cc1 > out.ch0.cc3\n")
	r.stderr.await(t, "rig.cfg has changed and is taken over")
	assert.Equal(t, "B0 03 05", r.send("B0 01 05"))

	write(t, folder, "map.cfg", "in.ch0.cc1 > on.ch0.cc4\n")
	r.stderr.await(t, `map.cfg:1:14: no instance "on"; there are in, out | in.ch0.cc1 > on.ch0.cc4`)
	assert.Equal(t, "B0 03 05", r.send("B0 01 05"), "goes on as it was")

	write(t, folder, "new.cfg", strings.ReplaceAll(through, "Loopback B", "Loopback C"))
	require.NoError(t, os.Rename(filepath.Join(folder, "new.cfg"), file))
	r.stderr.await(t, `no output port "Loopback C"; there are`)
	assert.Equal(t, "B0 03 05", r.send("B0 01 05"), "goes on as it was")

	write(t, folder, "new.cfg", "")
	require.NoError(t, os.Rename(filepath.Join(folder, "new.cfg"), file))
	r.stderr.await(t, `rig.cfg has no instances`)

	write(t, folder, "new.cfg", through+"in.ch0.cc1 > out.ch0.cc9\n")
	require.NoError(t, os.Rename(filepath.Join(folder, "new.cfg"), file))
	require.Eventually(t, func() bool { return strings.Count(r.stderr.String(), "is taken over") == 2 }, 20*time.Second, time.Millisecond)
	assert.Equal(t, "B0 09 05", r.send("B0 01 05"))
	assert.Zero(t, r.end())
}

// What else is written in the folder neither holds a change up nor is taken for one; a file that is
// included and could not be read is watched too.
func TestRunWatchesWhatMatters(t *testing.T) {
	folder := newFolder(t)
	file := write(t, folder, "rig.cfg", through+"in.ch0.cc1 > out.ch0.cc2wheel\n")
	r := run(t, file, "--watch")
	noise := make(chan struct{})
	var noisy sync.WaitGroup
	noisy.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-noise:
				return
			case <-time.After(lookEvery / 10):
				write(t, folder, "noise.log", strings.Repeat("x", n))
			}
		}
	})
	write(t, folder, "new.cfg", through+"[include map.cfg]\n")
	require.NoError(t, os.Rename(filepath.Join(folder, "new.cfg"), file))
	r.stderr.await(t, "cannot be included")
	write(t, folder, "map.cfg", "in.ch0.cc1 > out.ch0.cc3")
	r.stderr.await(t, "rig.cfg has changed and is taken over")
	assert.Equal(t, "B0 03 05", r.send("B0 01 05"))
	close(noise)
	noisy.Wait()
	assert.Equal(t, 1, strings.Count(r.stderr.String(), `"wheel"`), "%v", &r.stderr)
	assert.Equal(t, 1, strings.Count(r.stderr.String(), "cannot be included"), "%v", &r.stderr)
}

func TestRunWaitsForItsInput(t *testing.T) {
	r := run(t, write(t, newFolder(t), "rig.cfg", through+"in.ch0.cc1 > out.ch0.cc2\n"))
	r.loop.Unplug(0)
	r.stderr.await(t, "has gone; waiting for it\n")
	require.Eventually(t, func() bool { return r.in.Stats().Device.Lost }, 20*time.Second, time.Millisecond)
	require.NoError(t, r.loop.Replug(0, 0, "In"))
	r.stderr.await(t, "is open again\n")
	require.Eventually(t, func() bool { return r.in.Stats().Device.Reopened == 1 }, 20*time.Second, time.Millisecond)
	assert.Equal(t, "B0 02 05", r.send("B0 01 05"))
	assert.Equal(t, 0, r.end())
}
