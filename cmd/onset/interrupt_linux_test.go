//go:build cgo

package main

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCtrlCEndsTheProgramCleanly(t *testing.T) {
	c := onset(t, "monitor", "0", "1")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	ready := make([]byte, len("monitoring"))
	_, err = io.ReadFull(stderr, ready)
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	assert.NoError(t, c.Wait(), "exit code")
	assert.Equal(t, 2, bytes.Count(rest, []byte("0 received = 0 delivered")), "%s", rest)
}
