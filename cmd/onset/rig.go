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

// load reads the rig and its overrides, and says what is suspicious.
func (f *rigFile) load(p program) (*rig.Rig, error) {
	var overrides []rig.Override
	var failed []error
	add := func(o rig.Override, err error) {
		overrides = append(overrides, o)
		failed = append(failed, err)
	}
	for _, s := range f.Backend {
		add(rig.OverrideBackend(s))
	}
	for _, s := range f.Instance {
		add(rig.OverrideInstance(s))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	r, err := rig.Load(f.File, overrides...)
	if err != nil {
		return nil, fmt.Errorf("rig: %w", err)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(p.stderr, "warning: %v\n", w)
	}
	return r, nil
}
