package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever changes what a breakage is about learns it from the usual tests.
func TestTheListFitsTheCode(t *testing.T) {
	list, err := readList("list.txt")
	require.NoError(t, err)
	for _, b := range list {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(b.file)))
		if assert.NoError(t, err, b.name) {
			_, err = b.apply(string(text))
			assert.NoError(t, err, b.name)
		}
		missing, err := b.missing("..")
		assert.NoError(t, err, b.name)
		assert.Empty(t, missing, "%s: tests that %s has not", b.name, b.pkg)
	}
}

func TestAListIsRead(t *testing.T) {
	file, err := os.CreateTemp("", "list") // not in t.TempDir, which cannot be removed under Wine
	require.NoError(t, err)
	require.NoError(t, file.Close())
	defer func() { assert.NoError(t, os.Remove(file.Name())) }()
	read := func(text string) ([]breakage, error) {
		require.NoError(t, os.WriteFile(file.Name(), []byte(text), 0o600))
		return readList(file.Name())
	}
	const head = "# words\n\n=== one\npart ring\nfile a.c\ntest ./p TestA TestB\nwhy it is so\n"
	list, err := read(head + "ci\nhangs 5s\n--- old\na\n\n--- new\n--- end\n--- old\nb\n--- new\nc\n--- end\n")
	require.NoError(t, err)
	assert.Equal(t, []breakage{{
		name: "one", part: "ring", file: "a.c", pkg: "./p", tests: []string{"TestA", "TestB"}, why: "it is so",
		ci: true, hangs: 5 * time.Second, edits: []edit{{"a\n\n", ""}, {"b\n", "c\n"}},
	}}, list)
	for text, want := range map[string]string{
		"file a.c\n":                   ":1: === NAME was expected",
		head:                           "one lacks a part, file, test, why or edit",
		head + "--- old\na\n--- end\n": ":8: --- old, --- new and --- end were expected",
		head + "--- old\na\n":          ":8: --- old, --- new and --- end were expected",
		head + "hangs\n":               ":8: hangs TIME was expected",
		head + "tests ./p\n":           `:8: "tests" is none of part, file, test, why, ci, hangs and ---`,
		"=== one\ntest ./p\n":          ":2: test PACKAGE TEST... was expected",
		"=== one\n=== one\n":           ":2: another breakage is called one",
	} {
		_, err := read(text)
		assert.ErrorContains(t, err, want)
	}
}

func TestATextMustBeThereOnce(t *testing.T) {
	b := breakage{file: "a.c", edits: []edit{{"x\n", "y\n"}}}
	text, err := b.apply("a\nx\nb\n")
	require.NoError(t, err)
	assert.Equal(t, "a\ny\nb\n", text)
	_, err = b.apply("a\n")
	assert.EqualError(t, err, `a.c has the old text 0 times, which begins with "x"`)
	_, err = b.apply("x\nx\n")
	assert.EqualError(t, err, `a.c has the old text 2 times, which begins with "x"`)
}
