package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Distribution is how often each latency occurred: an HdrHistogram from 1 ns to a minute, exact to 0.1 %,
// and the exact maximum. Messages that were lost have no latency, and are slower than any that has. It is not
// for concurrent use.
type Distribution struct {
	Measure Measure
	Max     time.Duration // of those that were not lost; 0 if there is none
	Lost    uint64        // messages

	// One of the two: a histogram takes 200 KB, packed mostly less than two.
	hist   *hdrhistogram.Histogram
	packed []byte // HdrHistogram's V2 compressed encoding, in base64
}

const longest = time.Minute

// Never is the latency of a message that was lost.
const Never = time.Duration(math.MaxInt64)

// NewDistribution returns an empty one.
func NewDistribution(m Measure) *Distribution {
	return &Distribution{Measure: m, hist: hdrhistogram.New(1, int64(longest), 3)}
}

// Record adds a latency. Below 0 counts as 0 (two processors' clocks may differ by a few ticks), more
// than a minute as a minute, but for Max.
func (d *Distribution) Record(latency time.Duration) {
	d.Max = max(d.Max, latency)
	_ = d.open().RecordValue(int64(min(max(latency, 0), longest))) // it is in range
}

// open returns the histogram, unpacked for good.
func (d *Distribution) open() *hdrhistogram.Histogram {
	d.hist, d.packed = d.histogram(), nil
	return d.hist
}

// histogram returns the histogram, or a copy of the one that is packed.
func (d *Distribution) histogram() *hdrhistogram.Histogram {
	if d.hist != nil {
		return d.hist
	}
	hist := hdrhistogram.New(1, int64(longest), 3)
	if packed, err := hdrhistogram.Decode(d.packed); err == nil { // it was valid when it came (UnmarshalJSON)
		hist.Merge(packed)
	}
	return hist
}

// pack makes it small until it is recorded to again.
func (d *Distribution) pack() error {
	packed, err := d.histogram().Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err == nil {
		d.hist, d.packed = nil, packed
	}
	return err
}

// Merge adds another's latencies.
func (d *Distribution) Merge(other *Distribution) {
	d.Max = max(d.Max, other.Max)
	d.Lost += other.Lost
	d.open().Merge(other.histogram())
}

// Count returns how many latencies were recorded.
func (d *Distribution) Count() uint64 { return uint64(d.histogram().TotalCount()) }

// Mean returns their mean; 0 if there is none.
func (d *Distribution) Mean() time.Duration { return time.Duration(d.histogram().Mean()) }

// all returns how many messages there were, with those that were lost.
func (d *Distribution) all() uint64 { return d.Count() + d.Lost }

// Percentile returns the latency that p per cent of the messages did not exceed: the exact maximum for
// 100, Never if that is of a message that was lost, 0 if there is none.
func (d *Distribution) Percentile(p float64) time.Duration {
	if d.Lost > 0 {
		const rounding = 1e-9
		p *= float64(d.all()) / float64(d.Count()) // of those that were not lost
		if d.Count() == 0 || p > 100+rounding {
			return Never
		}
	}
	if p >= 100 {
		return d.Max
	}
	return min(time.Duration(d.histogram().ValueAtPercentile(p)), d.Max)
}

// distribution is a Distribution in JSON.
type distribution struct {
	Measure Measure `json:"measure"`
	Count   uint64  `json:"count"`
	Lost    uint64  `json:"lost,omitempty"` // not in count
	Max     int64   `json:"max_ns"`
	Raw     string  `json:"hdr_v2_base64"` // ns; HdrHistogram's V2 compressed encoding
}

// MarshalJSON writes the histogram as other HdrHistogram tools read it.
func (d *Distribution) MarshalJSON() ([]byte, error) {
	packed := Distribution{hist: d.hist, packed: d.packed}
	if err := packed.pack(); err != nil {
		return nil, err
	}
	return json.Marshal(distribution{d.Measure, d.Count(), d.Lost, int64(d.Max), string(packed.packed)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Distribution) UnmarshalJSON(text []byte) error {
	var j distribution
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	hist, err := hdrhistogram.Decode([]byte(j.Raw))
	if err != nil {
		return fmt.Errorf("histogram of %q: %w", j.Measure, err)
	}
	if count := uint64(hist.TotalCount()); count != j.Count {
		return fmt.Errorf("histogram of %q: it has %d values, not %d", j.Measure, count, j.Count)
	}
	*d = Distribution{Measure: j.Measure, Max: time.Duration(j.Max), Lost: j.Lost, packed: []byte(j.Raw)}
	return nil
}
