package domain

import (
	"errors"
	"regexp"
	"time"
)

// LoadTimeZone returns a zone by its IANA name. It refuses names that would make responses depend on
// the machine: LoadLocation's special name Local, and files that some systems keep with their zones
// (the local zone, and a second set with leap seconds).
func LoadTimeZone(name string) (*time.Location, error) {
	if !zoneName.MatchString(name) || machineZone.MatchString(name) {
		return nil, errTimeZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errTimeZone
	}
	return zone, nil
}

var errTimeZone = errors.New("is not a time zone: use an IANA name such as Europe/Berlin, or UTC")

var (
	zoneName    = regexp.MustCompile(`^[0-9A-Za-z_+/-]{1,64}$`)
	machineZone = regexp.MustCompile(`^(?i:local|posix|right/|factory)`)
)
