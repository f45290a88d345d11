package main

import (
	"context"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// importer is a kind of input: files, what a row of them becomes, and where that is counted.
type importer struct {
	name  string
	files []string
	count func(*importCounts) *int
	read  func(io.Reader, *time.Location) legacy.Rows
	row   func(place, *legacy.Row) (drafted, error) // the error refuses the row
}

type drafted struct {
	domain.Draft                // without a key: nothing by itself
	contents     []domain.Draft // what a post says; of an erased account tombstones of what its posts say
	// seal stores the row's secret, before the draft is appended; nil: it has none. News: the row is new by its secret alone.
	seal func(context.Context) (news bool, err error)
}

// importers are the kinds of input in the order in which they are appended: first who is who, then what belongs to
// them. Dashboards are only collected; what becomes of them is decided at the end, agency by agency.
func (p *importPass) importers() []importer {
	read := legacy.Read
	// As of each row: the method values would keep the time of now.
	connection := func(row legacy.MemberAuth) (domain.Draft, error) { return p.Connection(row) }
	return []importer{
		{"entities", p.Files, func(c *importCounts) *int { return &c.Entities }, legacy.ReadLines, p.entity},
		{"connections", p.MemberAuth, func(c *importCounts) *int { return &c.Connections }, read, row((*legacy.Row).MemberAuth, connection, p.sealTokens)},
		{"dashboards", p.Preferences, nil, read, p.preference},
		{"posts", p.Posts, posts, read, p.post},
		{"account readings", p.AccountInsights, func(c *importCounts) *int { return &c.AccountReadings }, read, row((*legacy.Row).AccountReading, p.AccountReading, nil)},
		{"post readings", p.PostInsights, func(c *importCounts) *int { return &c.PostReadings }, read, row((*legacy.Row).PostReading, p.PostReading, nil)},
	}
}

func posts(c *importCounts) *int { return &c.Posts }

// row puts together what the row holds, the event that it becomes, and the sealing of its secret.
func row[T any](
	decode func(*legacy.Row) (T, error), draft func(T) (domain.Draft, error), seal func(context.Context, T, domain.Draft) (bool, error),
) func(place, *legacy.Row) (drafted, error) {
	return func(_ place, r *legacy.Row) (drafted, error) {
		values, err := decode(r)
		if err != nil {
			return drafted{}, err
		}
		d, err := draft(values)
		if err != nil || seal == nil {
			return drafted{Draft: d}, err
		}
		return drafted{Draft: d, seal: func(ctx context.Context) (bool, error) { return seal(ctx, values, d) }}, nil
	}
}

func (p *importPass) entity(_ place, r *legacy.Row) (d drafted, err error) {
	lines, err := commands.EntityLine(r.Raw, p.registry, p.Now)
	if err != nil {
		return d, err
	}
	for _, content := range lines[1:] {
		d.contents = append(d.contents, p.Said(content))
	}
	d.Draft, err = p.Entity(lines[0])
	return d, err
}

func (p *importPass) post(_ place, r *legacy.Row) (d drafted, err error) {
	values, err := r.Post()
	if err != nil {
		return d, err
	}
	var content domain.Draft
	d.Draft, content, err = p.Post(values)
	d.contents = []domain.Draft{content}
	return d, err
}

func (p *importPass) sealTokens(ctx context.Context, row legacy.MemberAuth, d domain.Draft) (news bool, err error) {
	connection, _ := d.Data.(domain.DirectoryConnection)
	outcome, err := p.SealTokens(ctx, connection, row)
	switch outcome {
	case commands.SecretStored:
		p.report.Imported.Tokens++
	case commands.SecretReplaced:
		p.report.Imported.Tokens++
		p.report.TokensReplaced++
	case commands.SecretKept:
		p.report.TokensKept++
	case commands.SecretAbsent:
		p.report.TokensAbsent++
	}
	return false, err // tokens are counted by themselves, beside their connections
}

// preference notes a legacy dashboard: those of an agency are decided together.
func (p *importPass) preference(at place, r *legacy.Row) (drafted, error) {
	d, err := r.Preference()
	if err == nil {
		p.agencies[d.ParentAccount] = append(p.agencies[d.ParentAccount], d.ImportedDashboard)
		p.documents[d.ParentAccount+d.SubAccountID+d.DocumentID] = at
		p.documents[d.ParentAccount+d.SubAccountID] = at
	}
	return drafted{}, err
}
