package stream

import (
	"time"
)

const retention = 7 * 24 * time.Hour // of event time: older notices are not sent
