package api

import "slices"

// Role is what a caller is; what each may do stands in the route table.
type Role string

// The roles. A token may carry several; rights add up.
const (
	RoleAgency   Role = "agency"
	RoleClient   Role = "client"
	RoleAuditor  Role = "auditor"
	RoleOperator Role = "operator"
	RoleMainApp  Role = "main_app"
)

// AllRoles are the roles that a token may carry.
func AllRoles() Roles { return Roles{RoleAgency, RoleClient, RoleAuditor, RoleOperator, RoleMainApp} }

// Roles are the roles of one caller.
type Roles []Role

// Has reports whether one of the caller's roles is among allowed.
func (r Roles) Has(allowed ...Role) bool {
	return slices.ContainsFunc(allowed, func(a Role) bool { return slices.Contains(r, a) })
}
