//go:build chromium

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found is what testdata/probe.js finds.
type found struct {
	Paper, Title, Caption                                       string
	Overflow                                                    float64
	Curves                                                      []foundCurve
	Texts                                                       map[string]float64
	Lines                                                       []float64
	Reading, ReadingAtFirst, ReadingAtRight, ReadingWithoutSpin string
	WithoutSpin, Routed, Errors                                 []string
	Unfocusable, Unnamed                                        int
}

// foundCurve is a path as it is drawn. Line and Box are left, top, right and bottom.
type foundCurve struct {
	Plot, Name, Section, Stroke, Width, Dash string
	Length                                   float64
	Line, Box                                [4]float64
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium in PATH: tried chromium, chromium-browser, google-chrome and chrome")
	return ""
}

// browse loads a file and returns the document's text, after its scripts, and what the console said.
func browse(t *testing.T, dark bool, arguments ...string) (document, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "chromium")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // its last processes may still write there
	scheme := map[bool]string{true: "0", false: "1"}[dark]
	cmd := exec.CommandContext(ctx, chromium(t), append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-device-scale-factor=1",
		"--user-data-dir=" + profile, "--virtual-time-budget=5000", "--enable-logging=stderr", "--window-size=1300,2000",
		"--blink-settings=preferredColorScheme=" + scheme,
	}, arguments...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	require.NoError(t, cmd.Run(), stderr.String())
	return stdout.String(), strings.Join(regexp.MustCompile(`(?m)^.*CONSOLE.*$`).FindAllString(stderr.String(), -1), "\n")
}

// look loads the page, with testdata/probe.js, in a frame that is so wide.
func look(t *testing.T, text string, width int, dark bool) found {
	t.Helper()
	dir := t.TempDir()
	frame := filepath.Join(dir, "frame.html")
	probe, err := os.ReadFile("testdata/probe.js")
	require.NoError(t, err)
	text = strings.Replace(text, "</html>", "<script>"+string(probe)+"</script></html>", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page.html"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(frame, fmt.Appendf(nil, `<!doctype html><pre></pre>
<script>addEventListener("message", e => document.querySelector("pre").textContent = e.data)</script>
<iframe src="page.html" style="width:%dpx;height:1900px;border:0"></iframe>`, width), 0o600))
	document, console := browse(t, dark, "--dump-dom", "file://"+frame)
	assert.Empty(t, console)
	result := regexp.MustCompile(`(?s)<pre>(.+)</pre>`).FindStringSubmatch(document)
	require.NotNil(t, result, "the page's probe has not come to its end: %s", document)
	var f found
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(result[1])), &f))
	return f
}

// browsed is a report whose page has two sections.
func browsed() *Report {
	s := typical(1)
	s.backgrounds = s.backgrounds[:1]
	return s.report()
}

func TestPageInABrowser(t *testing.T) {
	r := browsed()
	text := htmlPage(t, r)
	for _, c := range []struct {
		width int
		dark  bool
		paper string
	}{{1280, false, "rgb(255, 255, 255)"}, {1280, true, "rgb(20, 23, 27)"}, {400, false, "rgb(255, 255, 255)"}, {400, true, "rgb(20, 23, 27)"}} {
		t.Run(fmt.Sprintf("%d wide, dark %v", c.width, c.dark), func(t *testing.T) {
			f := look(t, text, c.width, c.dark)
			assert.Empty(t, f.Errors)
			assert.Equal(t, c.paper, f.Paper)
			assert.Equal(t, "Onset latency, 4 March 2026, 12:30 +0000", f.Title)
			assert.LessOrEqual(t, f.Overflow, 0.0, "the page scrolls only down")
			f.checkCurves(t, r)
			f.checkContrast(t)
		})
	}
}

// checkCurves checks that each contender has a curve in each section, and its rounds on the timelines.
func (f found) checkCurves(t *testing.T, r *Report) {
	t.Helper()
	drawn, looks := map[string]int{}, map[string]bool{}
	for _, c := range f.Curves {
		drawn[c.Plot+" "+c.Section+" "+c.Name]++
		assert.Greater(t, c.Length, 1.0, "%+v", c)
		const rounding = 1
		assert.True(t, c.Line[0] >= c.Box[0]-rounding && c.Line[1] >= c.Box[1]-rounding &&
			c.Line[2] <= c.Box[2]+rounding && c.Line[3] <= c.Box[3]+rounding, "out of the plot: %+v", c)
		if c.Plot == "curves" {
			assert.Greater(t, c.Line[2]-c.Line[0], 0.8*(c.Box[2]-c.Box[0]), "%s does not go along the plot", c.Name)
			looks[c.Stroke+c.Dash] = true
		}
	}
	want := map[string]int{}
	for _, c := range r.Cells {
		section := fmt.Sprintf("Load %s background %s ", c.Load, c.Background)
		want["curves "+section+c.Contender] = 1
		want["timeline "+section+c.Contender] = len(c.Rounds)
	}
	assert.Equal(t, want, drawn)
	assert.Len(t, looks, len(r.Plan.Contenders), "each contender has its own colour and dashes")
}

// checkContrast checks WCAG's level AA: 4.5 for text, 3 for lines.
func (f found) checkContrast(t *testing.T) {
	t.Helper()
	assert.Greater(t, len(f.Texts), 15)
	for text, contrast := range f.Texts {
		assert.GreaterOrEqual(t, contrast, 4.5, text)
	}
	assert.NotEmpty(t, f.Lines)
	for _, contrast := range f.Lines {
		assert.GreaterOrEqual(t, contrast, 3.0)
	}
}

func TestPagesControls(t *testing.T) {
	r := browsed()
	f := look(t, htmlPage(t, r), 1280, false)
	p99, _ := supported(r.Find("spin", "din", "quiet").Merged(Dispatch), 99)
	assert.Regexp(t, "^99 %, µsc-spin .*spin "+regexp.QuoteMeta(micros(p99))+"hybrid ", f.Reading)
	p50, _ := supported(r.Find("c-park", "din", "quiet").Merged(Dispatch), 50)
	assert.Regexp(t, "^50 %, µs.*c-park "+regexp.QuoteMeta(micros(p50))+"spin ", f.ReadingAtFirst)
	assert.Regexp(t, `^99\.95 %`, f.ReadingAtRight, "of 6000 messages")
	assert.Equal(t, []string{"c-spin", "c-park", "hybrid", "park", "in-callback"}, f.WithoutSpin)
	assert.NotContains(t, strings.ReplaceAll(f.ReadingWithoutSpin, "c-spin", ""), "spin")
	assert.Equal(t, []string{"spin", "hybrid", "park", "in-callback"}, f.Routed, "the floors send nothing on")
	assert.Contains(t, f.Caption, InToOut.Explain())
	assert.Zero(t, f.Unfocusable, "controls that the keyboard cannot reach")
	assert.Zero(t, f.Unnamed, "controls without a label")
}

// TestPageWithoutScripts takes a picture of the page without its script, and looks for the curves' colours.
func TestPageWithoutScripts(t *testing.T) {
	text := strings.Replace(htmlPage(t, browsed()), pageJS, "", 1)
	require.NotContains(t, text, "pointermove")
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for dark, colours := range map[bool][]int{
		false: {0x1764c0, 0xc2410c, 0x0b7a55, 0xa3318f, 0x4a5160, 0x8a6400},
		true:  {0x6cb2ff, 0xff9461, 0x3fd0a0, 0xee8fdc, 0xc3cad4, 0xe5bd4a},
	} {
		_, console := browse(t, dark, "--screenshot="+picture, "file://"+file)
		assert.Empty(t, console)
		pixels := pixelsBelow(t, picture, 600) // the legend, which has the same colours, is above
		for i, colour := range colours {
			assert.Greater(t, pixels[colour], 300, "the curve of colour %d, %06x, dark %v", i, colour, dark)
		}
	}
}

// pixelsBelow counts a picture's pixels by colour, 0xRRGGBB, from a line on.
func pixelsBelow(t *testing.T, name string, line int) map[int]int {
	t.Helper()
	file, err := os.ReadFile(name)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	all := map[int]int{}
	for y := line; y < picture.Bounds().Max.Y; y++ {
		for x := range picture.Bounds().Max.X {
			r, g, b, _ := picture.At(x, y).RGBA()
			all[int(r>>8<<16|g>>8<<8|b>>8)]++
		}
	}
	return all
}
