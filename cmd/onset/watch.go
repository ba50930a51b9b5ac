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
func (c *runCommand) watch(p program, session *rig.Session, r *rig.Rig) (end func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", c.File, err)
	}
	w := &watch{command: c, program: p, session: session, watcher: watcher}
	if err := w.follow(r); err != nil {
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
	files   []string // that it was read from
	failed  bool     // the last change was not taken over
}

// follow watches the folders of a rig's files, since editors replace files by others of the same
// name, and takes the rig for what is running.
func (w *watch) follow(r *rig.Rig) error {
	w.running, w.files = r.String(), r.Files
	for _, file := range r.Files {
		if err := w.watcher.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watching %s: %w", file, err)
		}
	}
	return nil
}

func (w *watch) run() {
	var due <-chan time.Time
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
				w.complain(err)
			}
		case <-due:
			due = nil
			err := w.reload()
			if w.failed = err != nil; w.failed {
				w.complain(err)
			}
		}
	}
}

// concerns reports whether a file may be one of the rig's. Which those of a rig that could not be read
// are, is not known.
func (w *watch) concerns(name string) bool {
	return w.failed || slices.ContainsFunc(w.files, func(file string) bool {
		return strings.EqualFold(filepath.Base(file), filepath.Base(name))
	})
}

func (w *watch) complain(err error) {
	fmt.Fprintf(w.program.stderr, "%s has changed and is not taken over:\n", w.command.File)
	w.program.complain(err)
}

// reload reads the rig again and has the session do what it says.
func (w *watch) reload() error {
	next, err := w.command.load(w.program)
	switch {
	case err != nil:
		return err
	case len(next.Instances) == 0:
		return fmt.Errorf("%s has no instances", w.command.File)
	case next.String() == w.running:
		return w.follow(next)
	}
	if err := w.session.Replace(next); err != nil {
		return err
	}
	fmt.Fprintf(w.program.stderr, "%s has changed and is taken over\n", w.command.File)
	return w.follow(next)
}
