package bench

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// system names the operating system and, if this is Wine, its version.
func system() (name, wine string) {
	v := windows.RtlGetVersion()
	name = fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
	// Wine's ntdll, and no other, exports it.
	version := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version")
	if version.Find() != nil {
		return name, ""
	}
	text, _, _ := version.Call()
	return name, windows.BytePtrToString(*(**byte)(unsafe.Pointer(&text)))
}

// processorName is what the processor calls itself.
func processorName() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `HARDWARE\DESCRIPTION\System\CentralProcessor\0`, registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer func() { _ = key.Close() }() // it has only been read
	name, _, err := key.GetStringValue("ProcessorNameString")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(name)
}
