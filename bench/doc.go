// Package bench is the latency harness: it measures contenders, Onset and its rivals, under loads and
// backgrounds on a virtual cable (Runner), or any other program from outside (Thru), and keeps, shows and
// compares what it finds (Report).
package bench
