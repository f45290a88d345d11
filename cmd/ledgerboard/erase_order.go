package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// orderFlags say who ordered an erasure, on which ground and by when: what its record says beside the reason.
type orderFlags struct {
	OrderedBy string `placeholder:"WHO" help:"Who ordered it: person, client, agency, platform or authority."`
	Ground    string `placeholder:"GROUND" help:"On which ground: not_needed, consent_withdrawn, objection, unlawful or legal_obligation (GDPR article 17)."`
	Due       string `placeholder:"YYYY-MM-DD" help:"By when it must be done."`
}

// order takes the order of an erasure from the flags, and asks on a terminal for what was not given, and whether to go on.
func (c eraseCommand) order(s streams) (o domain.ErasureOrder, err error) {
	o = domain.ErasureOrder{By: c.OrderedBy, Ground: c.Ground, Due: c.Due}
	asks := isTerminal(os.Stdin) && isTerminal(s.Err)
	answers := bufio.NewReader(os.Stdin)
	var missing []string
	for _, field := range []struct {
		to         *string
		flag, hint string
	}{
		{&o.By, "--ordered-by", "Ordered by (" + strings.Join(domain.ErasureOrderers(), ", ") + "): "},
		{&o.Ground, "--ground", "Ground (" + strings.Join(domain.ErasureGrounds(), ", ") + "): "},
		{&o.Due, "--due", "Due (YYYY-MM-DD): "},
	} {
		switch {
		case *field.to != "":
		case asks:
			if *field.to, err = askOn(s, answers, field.hint); err != nil {
				return o, err
			}
		default:
			missing = append(missing, field.flag)
		}
	}
	if !asks && (!c.Yes || c.Reason == "") {
		missing = append(missing, c.missing())
	}
	if len(missing) > 0 {
		return o, usageError{fmt.Errorf("nothing was erased: without a terminal give %s too", strings.Join(missing, ", "))}
	}
	if o.Reason, err = c.ask(s, answers, "erase what is listed above, for good"); err != nil {
		return o, err
	}
	return o, refused(o.Validate())
}
