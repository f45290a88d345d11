package platforms

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Rest.li 2.0 query values: parentheses, commas and colons of the structure stay as
// they are, only URNs inside are percent-encoded. url.Values would encode everything, so these build
// raw query text.

// urnIn is a URN inside of a path or a structure.
func urnIn(urn string) string { return url.QueryEscape(urn) }

// listOf is List(urn,urn).
func listOf(urns []string) string {
	encoded := make([]string, len(urns))
	for i, urn := range urns {
		encoded[i] = urnIn(urn)
	}
	return "List(" + strings.Join(encoded, ",") + ")"
}

// dateRange is (start:(…),end:(…)); the end day is not included.
func dateRange(start, end time.Time) string {
	return fmt.Sprintf("(start:%s,end:%s)", restliDay(start), restliDay(end))
}

func restliDay(t time.Time) string {
	return fmt.Sprintf("(day:%d,month:%d,year:%d)", t.Day(), int(t.Month()), t.Year())
}

// timeIntervals asks for one element per day of [start, end).
func timeIntervals(start, end time.Time) string {
	return fmt.Sprintf("(timeRange:(start:%d,end:%d),timeGranularityType:DAY)", start.UnixMilli(), end.UnixMilli())
}

// isURN accepts urn:li:<kind>:<id>, the only kind of text that is put into a structure.
func isURN(s string) bool {
	return strings.HasPrefix(s, "urn:li:") && strings.Count(s, ":") == 3 && plainID(s, ":_-")
}
