package main

import (
	"errors"
	"fmt"
	"path/filepath"
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
	// Folders, since editors replace files by others of the same name.
	follow := func(r *rig.Rig) error {
		for _, file := range r.Files {
			if err := watcher.Add(filepath.Dir(file)); err != nil {
				return fmt.Errorf("watching %s: %w", file, err)
			}
		}
		return nil
	}
	if err := follow(r); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		running := r.String()
		var due <-chan time.Time
		for {
			select {
			case _, ok := <-watcher.Events:
				if !ok {
					return
				}
				due = time.After(settle)
			case err := <-watcher.Errors:
				if err != nil {
					fmt.Fprintf(p.stderr, "watching %s: %v\n", c.File, err)
				}
			case <-due:
				due = nil
				next, err := c.reload(p, session, running)
				if err == nil && next != nil {
					running = next.String()
					err = follow(next)
				}
				if err != nil {
					fmt.Fprintf(p.stderr, "%s is not taken over: %v\n", c.File, err)
				}
			}
		}
	}()
	return func() {
		_ = watcher.Close()
		<-done
	}, nil
}

// reload reads the rig again and has the session do what it says. nil: it says what is running.
func (c *runCommand) reload(p program, session *rig.Session, running string) (*rig.Rig, error) {
	next, err := c.load(p)
	if err != nil {
		return nil, err
	}
	if next.String() == running {
		return nil, nil
	}
	if len(next.Instances) == 0 {
		return nil, errors.New("it has no instances")
	}
	if err := session.Replace(next); err != nil {
		return nil, err
	}
	fmt.Fprintf(p.stderr, "%s is taken over\n", c.File)
	return next, nil
}
