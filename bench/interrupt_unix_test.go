//go:build cgo && unix

package bench

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Wine sends no Ctrl-Break, so this is not tested for Windows.
func TestAProgramEndsWhenInterrupted(t *testing.T) {
	said, state := ended(t, "interrupt")
	assert.Equal(t, "ready\nended by interrupt\n", said)
	assert.True(t, state.Success(), "%v", state)
}
