package legacy

import (
	"cmp"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Preference is one document of the legacy dashboard preferences.
type Preference struct {
	ParentAccount string
	domain.ImportedDashboard
}

// Preference reads a document. The lists are as they were written: repairs are the domain's matter.
func (r *Row) Preference() (p Preference, err error) {
	p.ParentAccount = required(r, hexID, "parent_account")
	p.DocumentID = required(r, hexID, "_id", "id")
	p.SubAccountID = required(r, hexID, "sub_account_id")
	p.SubAccountIDs = list(r, hexID, "sub_account_ids")
	p.Users = list(r, hexID, "users")
	p.MainPOC = list(r, hexID, "main_poc")
	p.Scopes = list(r, asIs, "scopes")
	p.AllowClientDashboard = optional(r, truth, "allow_client_dashboard")
	created, updated := field(r, r.time, "created_at"), field(r, r.time, "updated_at")
	if err := r.err(); err != nil {
		return p, err
	}
	made := madeAt(p.DocumentID)
	p.CreatedAt = *cmp.Or(created, &made)
	p.UpdatedAt = *cmp.Or(updated, &p.CreatedAt)
	return p, nil
}
