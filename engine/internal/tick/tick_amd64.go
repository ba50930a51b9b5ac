package tick

// rdtsc reads the time-stamp counter after all earlier loads are done.
func rdtsc() uint64

// cpuid executes CPUID for one leaf.
func cpuid(leaf uint32) (eax, edx uint32)

// Pause tells the processor that this is a busy wait.
func Pause()

// invariantTSC reports whether the counter runs at one rate in every power state (CPUID leaf
// 80000007H, EDX bit 8) and the system has not found it unsteady.
func invariantTSC() bool {
	const leaf, invariant = 0x80000007, 1 << 8
	if most, _ := cpuid(0x80000000); most < leaf {
		return false
	}
	_, edx := cpuid(leaf)
	return edx&invariant != 0 && osTrustsTSC()
}
