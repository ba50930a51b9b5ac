//go:build !cgo

package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/onset-midi/onset/engine"
)

func TestWithoutCgoTheErrorSaysWhatIsMissing(t *testing.T) {
	_, err := engine.Open(engine.Options{})
	assert.ErrorIs(t, err, engine.ErrNotSupported)
	assert.ErrorContains(t, err, "CGO_ENABLED=1")
}
