// Package bench measures how long an event takes from the driver's callback to a Go handler, and how
// long the callback keeps the driver's thread.
package bench
