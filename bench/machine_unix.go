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
	if pretty := match("/etc/os-release", `(?m)^PRETTY_NAME="(.*)"$`); pretty != "" {
		name = pretty + ", " + name
	}
	return name, ""
}

// processor names the processor.
func processor() string { return match("/proc/cpuinfo", `(?m)^model name\s*: (.*)$`) }

// match returns what a pattern's group finds first in a file; "" if nothing.
func match(file, pattern string) string {
	text, _ := os.ReadFile(file) // where there is none, nothing is found
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}
