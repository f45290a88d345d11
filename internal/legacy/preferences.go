package legacy

import "github.com/ledgerboard/ledgerboard/domain"

// Preference is one document of the old system's dashboard preferences.
type Preference struct {
	Line          int
	ParentAccount string
	domain.ImportedDashboard
}

// Preference reads a document. The lists are as they were written: repairs are the domain's matter.
func (r *Row) Preference() (Preference, error) {
	p := Preference{Line: r.Line, ParentAccount: r.HexID("parent_account")}
	p.DocumentID = r.HexID("_id", "id")
	p.SubAccountID = r.HexID("sub_account_id")
	p.SubAccountIDs = r.HexIDs("sub_account_ids")
	p.Users = r.HexIDs("users")
	p.MainPOC = r.HexIDs("main_poc")
	p.Scopes = r.Texts("scopes")
	if allow := r.Bool("allow_client_dashboard"); allow != nil {
		p.AllowClientDashboard = *allow
	}
	created, updated := r.Time("created_at"), r.Time("updated_at")
	if err := r.Err(); err != nil {
		return p, err
	}
	p.CreatedAt = madeAt(p.DocumentID)
	if created != nil {
		p.CreatedAt = *created
	}
	p.UpdatedAt = p.CreatedAt
	if updated != nil {
		p.UpdatedAt = *updated
	}
	return p, nil
}
