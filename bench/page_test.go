package bench

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func htmlPage(t *testing.T, r *Report) string {
	return written(t, func(b *bytes.Buffer) error { return r.WriteHTML(b) })
}

func TestPageNeedsNothingElse(t *testing.T) {
	text := htmlPage(t, typical(1).report())
	assert.Empty(t, regexp.MustCompile(`(src=|@import|url\(|https?:|fetch\()`).FindString(text))
	assert.Equal(t, []string{`href="data:,"`}, regexp.MustCompile(`href="[^"]*"`).FindAllString(text, -1))
	assert.Less(t, len(text), 300_000)
	for _, wrong := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		assert.NotContains(t, text, wrong)
	}
}

// TestPageHasTheTablesFigures compares each line of the terminal's tables with the page's rows.
func TestPageHasTheTablesFigures(t *testing.T) {
	r := typical(1).report()
	text := htmlPage(t, r)
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile(`<tr><th scope="row">(.*)</th>(.*)</tr>`).FindAllStringSubmatch(text, -1) {
		figures := strings.Join(regexp.MustCompile(`</?td>`).Split(m[2], -1), " ")
		rows[strings.Join(strings.Fields(m[1]+" "+figures), " ")] = true
	}
	lines := 0
	for line := range strings.Lines(table(t, r)) {
		if regexp.MustCompile(`^(c-)?(spin|park)|^hybrid|^in-callback`).MatchString(line) {
			lines++
			assert.Contains(t, rows, strings.Join(strings.Fields(line), " "))
		}
	}
	assert.Equal(t, 4*(6+3+1), lines, "of 4 blocks, 6 rows of figures, 3 of ratios and a duel")
	for _, f := range r.facts() {
		assert.Contains(t, html.UnescapeString(text), f.Text)
	}
}

func TestPageWarns(t *testing.T) {
	r := plain()
	assert.NotContains(t, htmlPage(t, r), "Warning.")
	r.Machine.Wine = "wine-10.0"
	assert.Contains(t, htmlPage(t, r), "This ran under Wine (wine-10.0)")
}

func TestPageEscapesNames(t *testing.T) {
	r := plain()
	r.Cells[0].Contender, r.Cells[0].Load, r.Machine.CPU = "<script>alert(1)</script>", `"><b>`, "a & b"
	text := htmlPage(t, r)
	assert.Equal(t, 1, strings.Count(text, "<script>"), "the page's own")
	assert.NotContains(t, text, `"><b>"`)
	assert.Contains(t, text, "a &amp; b")
}

func TestPageOfLittle(t *testing.T) {
	for name, r := range map[string]*Report{
		"no cell":     {},
		"no round":    {Cells: []Cell{{Contender: "spin", Load: "din", Background: "quiet"}}},
		"no timeline": {Cells: []Cell{{Contender: "spin", Rounds: []Round{{Measured: []Distribution{even(Return, 10, 5)}}}}}},
		"no message":  {Cells: []Cell{{Contender: "spin", Rounds: []Round{{Measured: []Distribution{even(Return, 0, 5)}, Timeline: []Slice{{}}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			text := htmlPage(t, r)
			assert.True(t, strings.HasSuffix(text, "</html>\n"))
			assert.NotContains(t, text, "NaN")
			table(t, r)
			goBench(t, r)
		})
	}
}
