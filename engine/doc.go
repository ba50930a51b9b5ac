// Package engine takes MIDI messages from the driver's callback to a Go handler, with as little delay
// as the machine allows, and sends messages out. On Windows the driver is winmm.dll; on every system
// there is a loopback driver of virtual cables.
//
//	eng, err := engine.Open(engine.Options{})
//	...
//	defer eng.Close()
//	in, err := eng.OpenInput(engine.Named("Launchkey"), engine.InputOptions{})
//	out, err := eng.OpenOutput(engine.Named("Synth"), engine.OutputOptions{})
//	...
//	err = eng.Run(ctx, func(ev *engine.Event) {
//		if ev.Port == in.Port() && ev.Kind == engine.KindMessage {
//			_ = out.Send(ev.Message) // what the driver refuses is counted
//		}
//	})
//
// An Engine has one poller: whoever is in Run or ReadInto. Events of one input reach it in the order
// of the driver's callbacks, each once; events that could not be kept are counted by cause
// (InputStats) and a KindGap event stands where they are missing.
package engine
