package api

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// unknownParams is what becomes of a query parameter that a route does not declare.
type unknownParams int

const (
	// unknownRefused is for the newer reads: a filter that is ignored gives right-looking figures of something else.
	unknownRefused unknownParams = iota
	// unknownListed is for the analytics. Old frontends add names, some against caches: the answer lists what it ignored,
	// and refuses what looks like a slip.
	unknownListed
	// unknownIgnored is for streams, whose clients add names of their protocol.
	unknownIgnored
)

// unknownAt is what a route does with them. The dashboard, Socket.IO and health look at no unknown name at all.
func unknownAt(pattern string) unknownParams {
	switch {
	case isStream(pattern):
		return unknownIgnored
	case strings.HasPrefix(pattern, "/api/"):
		return unknownRefused
	default:
		return unknownListed
	}
}

// paramRules is what the server knows of names that a route does not declare.
type paramRules struct {
	all       paramNames // what any route takes
	analytics paramNames // what any of the analytics takes, in the path or in the query
	own       []string   // [Config.IgnoreParams]
}

// paramNames are names of parameters, without headers.
type paramNames map[string]bool

// newParamRules collects the names of the routes.
func newParamRules(routes []route, own []string) paramRules {
	rules := paramRules{all: paramNames{}, analytics: paramNames{}, own: own}
	for _, r := range routes {
		listed := r.read != nil && unknownAt(r.pattern) == unknownListed
		for _, declared := range r.takes {
			if declared.Header {
				continue
			}
			rules.all[declared.Name] = true
			if listed {
				rules.analytics[declared.Name] = true
			}
		}
	}
	return rules
}

// validate refuses to ignore what the analytics take: the filter would have no effect where it is not declared, and nobody
// would be told.
func (r paramRules) validate() error {
	var errs []error
	for _, name := range r.own {
		if r.analytics[name] {
			errs = append(errs, fmt.Errorf("api: Config.IgnoreParams names %q, which the analytics take; leave it out", name))
		}
	}
	return errors.Join(errs...)
}

// known are the names that routes of a kind know. What only newer reads take means nothing to the analytics, whose old
// frontends may send it.
func (r paramRules) known(unknown unknownParams) paramNames {
	if unknown == unknownListed {
		return r.analytics
	}
	return r.all
}

// judgeUnknown notes the names in the query that the route does not declare.
func (p *Params) judgeUnknown(given url.Values, unknown unknownParams, rules paramRules) {
	known := rules.known(unknown)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared := slices.ContainsFunc(p.takes, func(d Param) bool { return d.Name == name && !d.Header })
		if declared || unknown == unknownIgnored || slices.Contains(rules.own, name) {
			continue
		}
		meant := known.meant(name, p.takes)
		switch {
		case meant != "":
			p.bad.addf(clip(name), "is no parameter here; probably %s was meant: write it so, or leave it out", meant)
		case unknown == unknownRefused, known[name]:
			p.bad.addf(clip(name), "is no parameter of this address: leave it out, or see /openapi.json for what takes it")
		default:
			p.ignored = append(p.ignored, clip(name))
		}
	}
}

// shortestSlip is the length from which a name is taken for a slip: shorter ones are too near to each other.
const shortestSlip = 5

// meant is the known name that an unknown one is a slip of; "" for none. Those that the route takes come first.
func (n paramNames) meant(name string, takes []Param) string {
	if len(name) < shortestSlip || strings.HasPrefix(name, "_") || n[name] {
		return ""
	}
	for _, declared := range takes {
		if !declared.Header && isSlip(name, declared.Name) {
			return declared.Name
		}
	}
	for _, known := range slices.Sorted(maps.Keys(n)) {
		if isSlip(name, known) {
			return known
		}
	}
	return ""
}

// isSlip tells whether two names are one edit apart, or differ in the case of letters alone. An edit is a letter too many,
// one too few, another one, or two that changed places.
func isSlip(a, b string) bool {
	if strings.EqualFold(a, b) {
		return a != b
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		return swapped || a[i+1:] == b[i+1:]
	}
	return len(a) == len(b)+1 && a[i+1:] == b[i:]
}
