//go:build unix

package bench

import (
	"os"
	"regexp"

	"golang.org/x/sys/unix"
)

// system names the operating system; wine is empty.
func system() (name, wine string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown", ""
	}
	name = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	if pretty := firstGroup("/etc/os-release", `(?m)^PRETTY_NAME="(.*)"$`); pretty != "" {
		name = pretty + ", " + name
	}
	return name, ""
}

// processorName is what the processor calls itself.
func processorName() string { return firstGroup("/proc/cpuinfo", `(?m)^model name\s*: (.*)$`) }

// firstGroup returns what a pattern's group finds first in a file; "" if nothing.
func firstGroup(file, pattern string) string {
	text, _ := os.ReadFile(file) // where there is none, nothing is found
	if groups := regexp.MustCompile(pattern).FindSubmatch(text); groups != nil {
		return string(groups[1])
	}
	return ""
}
