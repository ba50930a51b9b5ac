package rig

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Override is an option given elsewhere than in the rig file. It wins over the file.
type Override struct {
	backend bool
	target  string
	setting setting
}

// OverrideInstance reads "INSTANCE.option=value".
func OverrideInstance(s string) (Override, error) { return override(false, s) }

// OverrideBackend reads "BACKEND.option=value".
func OverrideBackend(s string) (Override, error) { return override(true, s) }

func override(backend bool, s string) (Override, error) {
	left, value, ok := strings.Cut(s, "=")
	target, name, point := strings.Cut(left, ".")
	if !ok || !point {
		what := "INSTANCE"
		if backend {
			what = "BACKEND"
		}
		return Override{}, fmt.Errorf("override %q: %s.option=value was expected", s, what)
	}
	if strings.ContainsAny(s, "\n\x00") || !utf8.ValidString(s) || len(s) > maxLine {
		return Override{}, fmt.Errorf("override %q: one line of text of at most %d bytes was expected", s[:min(len(s), 100)], maxLine)
	}
	o := setting{name: trim(name), value: trim(value), override: true}
	return Override{backend, trim(target), o}, nil
}

// override applies overrides to what has been read.
func (r *reader) override(overrides []Override) {
	for _, o := range overrides {
		r.at = Position{File: fmt.Sprintf("override %s.%s=%s", o.target, o.setting.name, o.setting.value)}
		if o.backend {
			if r.known(Backend(o.target), 0) {
				r.setBackend(Backend(o.target), o.setting)
			}
			continue
		}
		i, ok := r.named[o.target]
		if !ok {
			r.problem(0, "%s", r.noInstance(o.target))
		} else if i >= 0 {
			r.setInstance(i, o.setting)
		}
	}
}

// noInstance says that there is no such instance, and which there are.
func (r *reader) noInstance(name string) string {
	if len(r.rig.Instances) == 0 {
		return fmt.Sprintf("no instance %q; there are none", name)
	}
	var names []string
	for i, instance := range r.rig.Instances {
		if i == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, short(instance.Name))
	}
	return fmt.Sprintf("no instance %q; there are %s", short(name), strings.Join(names, ", "))
}
