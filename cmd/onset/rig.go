package main

import (
	"errors"
	"fmt"

	"github.com/onset-midi/onset/engine/rig"
)

// rigFile are the arguments that name a rig.
type rigFile struct {
	File     string   `arg:"" name:"rig" help:"Rig file, in MIDIMonster's format."`
	Backend  []string `short:"b" sep:"none" placeholder:"BACKEND.OPTION=VALUE" help:"Set a backend's option, over the file."`
	Instance []string `short:"i" sep:"none" placeholder:"INSTANCE.OPTION=VALUE" help:"Set an instance's option, over the file."`
}

// load reads the rig with its overrides. The error has all that is wrong with either; files are all that
// it was or should have been read from.
func (f *rigFile) load() (r *rig.Rig, files []string, err error) {
	var overrides []rig.Override
	var problems rig.Problems
	add := func(parse func(string) (rig.Override, error), texts []string) {
		for _, text := range texts {
			o, err := parse(text)
			if err != nil {
				problems = append(problems, rig.Problem{Message: err.Error()})
				continue
			}
			overrides = append(overrides, o)
		}
	}
	add(rig.OverrideBackend, f.Backend)
	add(rig.OverrideInstance, f.Instance)
	r, err = rig.Parse(f.File, func(name string) ([]byte, error) {
		files = append(files, name)
		return rig.ReadFile(name)
	}, overrides...)
	var more rig.Problems
	if errors.As(err, &more) {
		problems = append(problems, more...)
	} else if err != nil {
		return nil, files, fmt.Errorf("rig: %w", err)
	}
	if len(problems) > 0 {
		return nil, files, problems
	}
	return r, files, nil
}

// warn says what is suspicious about a rig.
func (p program) warn(r *rig.Rig) {
	for _, w := range r.Warnings {
		fmt.Fprintf(p.stderr, "warning: %v\n", w)
	}
}
