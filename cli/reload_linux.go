package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reloading is the state that announces a reload, which must carry the time of
// CLOCK_MONOTONIC in microseconds (sd_notify(3)).
func reloading() string {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", ts.Nano()/1000)
}
