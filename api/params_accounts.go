package api

import (
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// maxAccounts is how many accounts ?account= takes.
const maxAccounts = 100

// Accounts reads optional accounts, separated by commas: each 24 hex digits or a row id.
func (p *Params) Accounts(declared Param) (accounts []readmodels.AccountRef) {
	text, present := p.value(declared)
	if !present {
		return nil
	}
	values := strings.Split(text, ",")
	if len(values) > maxAccounts {
		p.bad.Addf(declared.Name, "names %d accounts: give at most %d", len(values), maxAccounts)
		return nil
	}
	for _, value := range values {
		if account := p.accountRef(declared, value); !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// RequiredAccount reads an account that the path must name.
func (p *Params) RequiredAccount(declared Param) readmodels.AccountRef {
	value, present := p.value(declared)
	if !present {
		p.bad.Addf(declared.Name, "is missing: give an account's id (24 hex digits) or its row id")
		return readmodels.AccountRef{}
	}
	return p.accountRef(declared, value)
}

func (p *Params) accountRef(declared Param, value string) readmodels.AccountRef {
	if id, ok := domain.HexID(value); ok {
		return readmodels.AccountRef{ID: id}
	}
	if number, ok := plainNumber(value); ok && number > 0 {
		return readmodels.AccountRef{RowID: number}
	}
	p.bad.Addf(declared.Name, "is not an account: use its id (24 hex digits) or its row id (a positive integer)")
	return readmodels.AccountRef{}
}
