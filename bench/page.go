package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// measures are all there are, in the order that the page offers them.
var measures = []Measure{
	Dispatch, DispatchIntended, DispatchFirst, Return, ReturnIntended, Held, HeldBehind, InToOut, InToOutIntended,
	DriverToCallback, Late,
}

// page is what page.html shows.
type page struct {
	Began      string
	Facts      []fact
	Warnings   []string
	Contenders []choice
	Measures   []choice
	Blocks     []pageBlock
	Legend     string
	CSS        template.CSS
	JS         template.JS
}

// choice is a contender or a measure that a reader may pick.
type choice struct {
	N             int
	Name, Explain string
}

// Colour returns which of the style sheet's colours a contender has.
func (c choice) Colour() int { return c.N % colours }

// Dash returns which of the style sheet's dash patterns it has: those of one colour differ.
func (c choice) Dash() int { return (c.N + c.N/colours) % colours }

const colours = 8

// pageBlock is what the page shows of a load under a background.
type pageBlock struct {
	Load, Background string
	Curves           []curvesOf
	Timeline         *plot // nil: there is none
	Grids            []grid
}

// curvesOf is a measure's percentile curves.
type curvesOf struct {
	Measure choice
	Plot    plot
	Picks   []pick
}

// pick is a percentile that a reader may pick.
type pick struct {
	At   float64 // per cent of the x axis
	Name string
}

// WriteHTML writes the report as one page that needs nothing else: percentile curves, latencies over the
// run and tables. Without scripts it only lacks the reading of a curve at the pointer. It returns the
// writer's error.
func (r *Report) WriteHTML(w io.Writer) error {
	p := page{
		Began: r.Began.Format("2 January 2006, 15:04 -0700"), Facts: r.facts(), Warnings: r.warnings(), Legend: legend,
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS), // our own files
	}
	numbers := map[string]int{}
	for i, name := range r.contenders() {
		numbers[name] = i
		p.Contenders = append(p.Contenders, choice{N: i, Name: name})
	}
	blocks := r.blocks()
	var all []*Cell
	for _, b := range blocks {
		all = append(all, b.cells...)
	}
	y := timelineScale(stretches(all, numbers))
	for _, b := range blocks {
		shown := pageBlock{Load: b.load, Background: b.background, Grids: r.grids(b)}
		if s := stretches(b.cells, numbers); len(s) > 0 {
			t := timeline(s, y)
			shown.Timeline = &t
		}
		p.Blocks = append(p.Blocks, shown)
	}
	for _, m := range measures {
		p.addCurves(m, blocks, numbers)
	}
	return template.Must(template.New("page").Parse(pageHTML)).Execute(w, p)
}

// addCurves adds a measure to each block, unless nobody measured it.
func (p *page) addCurves(m Measure, blocks []block, numbers map[string]int) {
	merged := make([][]drawn, len(blocks))
	for i, b := range blocks {
		for _, c := range b.cells {
			if d := c.Merged(m); d != nil && d.Count() > 0 {
				merged[i] = append(merged[i], drawn{numbers[c.Contender], c, d})
			}
		}
	}
	all := slices.Concat(merged...)
	if len(all) == 0 {
		return
	}
	a := axesOf(all)
	var picks []pick
	for _, percentile := range readings(a.most) {
		picks = append(picks, pick{hundredths(100 * a.x(rank(percentile))), fmt.Sprintf("%v %%", percentile)})
	}
	is := choice{N: len(p.Measures), Name: strings.ReplaceAll(string(m), "-", " "), Explain: m.Explain()}
	p.Measures = append(p.Measures, is)
	for i := range blocks {
		p.Blocks[i].Curves = append(p.Blocks[i].Curves, curvesOf{is, a.curves(merged[i]), picks})
	}
}
