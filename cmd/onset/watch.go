package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/onset-midi/onset/engine/rig"
)

// lookEvery is how often a watched rig's files are looked at. One that has changed is read when the next
// look finds it as it was: editors write in several steps, the first of which may leave it empty.
//
// Looking is slower than being told by the system, but sees what is replaced by renaming, linked, on a
// network drive or not there yet, and nothing that the program itself writes beside its rig can set it off.
const lookEvery = 500 * time.Millisecond

// watch is a rig file being watched.
type watch struct {
	command *runCommand
	program program
	session *rig.Session
	running string           // what the session does
	refused string           // why it does not do what the file says; empty: it does
	files   map[string]stamp // as they were last seen
}

// stamp tells a file from what it was before. The zero stamp: there is none.
type stamp struct {
	changed time.Time
	size    int64
}

// look returns the stamps of files.
func look(files []string) map[string]stamp {
	stamps := make(map[string]stamp)
	for _, file := range files {
		stamps[file] = stamp{}
		if info, err := os.Stat(file); err == nil {
			stamps[file] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// watch has the session do what the rig file says whenever it, or what it includes, has changed and is
// valid. end ends that.
func (c *runCommand) watch(p program, session *rig.Session, r *rig.Rig, files []string) (end func()) {
	w := &watch{command: c, program: p, session: session, running: r.String(), files: look(files)}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		w.run(over)
	}()
	return func() {
		close(over)
		<-ended
	}
}

func (w *watch) run(over <-chan struct{}) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	changed := true // it may have, since it was read
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		now := look(slices.Collect(maps.Keys(w.files)))
		settled := maps.Equal(now, w.files)
		w.files = now
		if changed && settled {
			w.reload()
		}
		changed = !settled
	}
}

// reload reads the rig again, has the session do what it says, and says so, or why not, if that is new.
func (w *watch) reload() {
	next, files, err := w.command.load()
	before := w.files // a change since then is still to be seen
	w.files = look(files)
	for file := range w.files {
		if seen, ok := before[file]; ok {
			w.files[file] = seen
		}
	}
	if err == nil && len(next.Instances) == 0 {
		err = fmt.Errorf("%s has no instances", w.command.File)
	}
	changed := err == nil && next.String() != w.running
	if changed {
		if err = w.session.Replace(next); err == nil {
			w.running = next.String()
		}
	}
	refused := w.refused
	w.refused = ""
	switch {
	case err != nil:
		w.refused = err.Error()
		if w.refused != refused {
			fmt.Fprintf(w.program.stderr, "%s has changed and is not taken over:\n", w.command.File)
			w.program.complain(err)
		}
	case changed || refused != "":
		w.program.warn(next)
		fmt.Fprintf(w.program.stderr, "%s has changed and is taken over\n", w.command.File)
	}
}
