package main

import (
	"time"
)

// patience bounds what tests wait for: only what fails takes so long.
const patience = 5 * time.Minute
