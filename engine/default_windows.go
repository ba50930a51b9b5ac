package engine

func defaultDriver() (Driver, error) { return WinMM() }
