package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/onset-midi/onset/engine/rig"
)

// settle is how long a file must be left alone before it is read again: editors write in several
// steps, the first of which may leave it empty.
const settle = 200 * time.Millisecond

// watch has the session do what the rig file says whenever it has changed and is valid. end ends that.
func (c *runCommand) watch(p program, session *rig.Session, r *rig.Rig, files []string) (end func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", c.File, err)
	}
	w := &watch{command: c, program: p, session: session, watcher: watcher, running: r.String()}
	if err := w.follow(files); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run()
	}()
	return func() {
		_ = watcher.Close()
		<-ended
	}, nil
}

// watch is a rig file being watched.
type watch struct {
	command *runCommand
	program program
	session *rig.Session
	watcher *fsnotify.Watcher
	running string   // what the session does
	refused string   // why it does not do what the file says; empty: it does
	names   []string // of the files, without folders
}

// follow watches the folders of files, since editors replace files by others of the same name, and of
// what they link to. The error is that of the first, which must be there.
func (w *watch) follow(files []string) error {
	w.names = nil
	var failed error
	for i, file := range files {
		target, err := filepath.EvalSymlinks(file)
		if err != nil {
			target = file
		}
		for _, name := range []string{file, target} {
			w.names = append(w.names, filepath.Base(name))
			if err := w.watcher.Add(filepath.Dir(name)); err != nil && i == 0 {
				failed = fmt.Errorf("watching %s: %w", name, err)
			}
		}
	}
	return failed
}

func (w *watch) run() {
	due := time.After(settle) // it may have changed since it was read
	for {
		select {
		case event, ok := <-w.watcher.Events:
			if !ok {
				return
			}
			if w.concerns(event.Name) {
				due = time.After(settle)
			}
		case err, ok := <-w.watcher.Errors:
			if ok {
				fmt.Fprintf(w.program.stderr, "watching %s: %v\n", w.command.File, err)
				due = time.After(settle) // events may have been lost
			}
		case <-due:
			due = nil
			w.reload()
		}
	}
}

// concerns reports whether a file may be one of the rig's.
func (w *watch) concerns(name string) bool {
	return slices.ContainsFunc(w.names, func(known string) bool { return strings.EqualFold(known, filepath.Base(name)) })
}

// reload reads the rig again, has the session do what it says, and says so, or why not, if that is new.
func (w *watch) reload() {
	next, files, err := w.command.load()
	if err == nil && len(next.Instances) == 0 {
		err = fmt.Errorf("%s has no instances", w.command.File)
	}
	changed := err == nil && next.String() != w.running
	if changed {
		if err = w.session.Replace(next); err == nil {
			w.running = next.String()
		}
	}
	switch {
	case err != nil && err.Error() != w.refused:
		fmt.Fprintf(w.program.stderr, "%s has changed and is not taken over:\n", w.command.File)
		w.program.complain(err)
	case err == nil && (changed || w.refused != ""):
		w.program.warn(next)
		fmt.Fprintf(w.program.stderr, "%s has changed and is taken over\n", w.command.File)
	}
	w.refused = ""
	if err != nil {
		w.refused = err.Error()
	}
	_ = w.follow(files) // its folder may be gone for a moment
}
