//go:build cgo

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain turns this test binary into the program when it is told to.
func TestMain(m *testing.M) {
	if os.Getenv("ONSET_TEST_RUN_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

func onset(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = append(os.Environ(), "ONSET_TEST_RUN_PROGRAM=1")
	return c
}
