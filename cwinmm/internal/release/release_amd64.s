#include "textflag.h"

// func Store(addr *atomic.Uint64, value uint64)
TEXT ·Store(SB), NOSPLIT, $0-16
	MOVQ addr+0(FP), AX
	MOVQ value+8(FP), BX
	MOVQ BX, (AX)
	RET
