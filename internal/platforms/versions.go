package platforms

import (
	"fmt"
	"regexp"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The versions that are requested if none is configured.
const (
	GraphVersion    = "v26.0"
	LinkedInVersion = "202608"
)

// graphEnds holds when versions of the Graph API end: two years after the next version was
// released, according to the platform's changelog of November 2026. The successor of v26.0 is not
// out, so its end is the earliest that the platform promises, two years after its own release.
var graphEnds = map[string]time.Time{
	"v23.0":      time.Date(2027, 10, 8, 0, 0, 0, 0, time.UTC),
	"v24.0":      time.Date(2028, 2, 18, 0, 0, 0, 0, time.UTC),
	"v25.0":      time.Date(2028, 7, 29, 0, 0, 0, 0, time.UTC),
	GraphVersion: time.Date(2028, 7, 29, 0, 0, 0, 0, time.UTC),
}

// linkedInEnd estimates when a version of LinkedIn's API ends. A version lives for a year: 202504
// ended on 2026-04-16.
func linkedInEnd(version string) time.Time {
	month, err := time.Parse("200601", version)
	if err != nil {
		return time.Time{}
	}
	return month.AddDate(1, 0, 15)
}

// Version is the configured version of one interface of the platforms. TikTok announces no end.
type Version struct {
	API       string // "graph" or "linkedin"
	Version   string
	Setting   string // name of the setting
	Platforms []domain.Platform
	Ends      time.Time // when the platform is expected to refuse it, UTC; zero: not known
	// Served is the version with which the platform has answered instead; "" if none. Meta does this
	// when the requested version has ended. Versions differ in their metrics.
	Served string
}

// DaysLeft returns the number of days until the version ends, negative after that. It returns false
// if the end is not known.
func (v Version) DaysLeft(now time.Time) (days int, known bool) {
	const day = 24 * time.Hour
	return int(v.Ends.Sub(now.Truncate(day)) / day), !v.Ends.IsZero()
}

// Versions returns the configured versions.
func (s *Set) Versions() []Version {
	graph := Version{
		API: "graph", Version: s.graphs[0].endpoint.Version, Setting: "LEDGERBOARD_GRAPH_VERSION",
		Platforms: []domain.Platform{domain.Facebook, domain.Instagram},
	}
	graph.Ends = graphEnds[graph.Version]
	for _, g := range s.graphs {
		if served := g.served.Load(); served != nil && *served != graph.Version {
			graph.Served = *served
		}
	}
	linkedIn := s.members.endpoint.Version
	return []Version{graph, {
		API: "linkedin", Version: linkedIn, Setting: "LEDGERBOARD_LINKEDIN_VERSION",
		Platforms: []domain.Platform{domain.LinkedIn}, Ends: linkedInEnd(linkedIn),
	}}
}

var (
	graphFormat    = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)
	linkedInFormat = regexp.MustCompile(`^20[0-9]{2}(0[1-9]|1[0-2])$`)
)

// CheckGraphVersion returns an error unless version is empty or has the format of the Graph API.
func CheckGraphVersion(version string) error {
	return checkVersion(version, graphFormat, GraphVersion)
}

// CheckLinkedInVersion returns an error unless version is empty or has the format of LinkedIn.
func CheckLinkedInVersion(version string) error {
	return checkVersion(version, linkedInFormat, LinkedInVersion)
}

func checkVersion(version string, format *regexp.Regexp, example string) error {
	if version == "" || format.MatchString(version) {
		return nil
	}
	return fmt.Errorf("%q is not a version of this API; use one like %s", version, example)
}
