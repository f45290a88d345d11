package projectors

import "github.com/ledgerboard/ledgerboard/domain"

var entityKinds = []entityKind{
	newKind("accounts", "id", `id text, row_id bigint, parent_account text, name text, email text, phone text,
		address text, custom_domain text, white_label_url text, colour text, logo text,
		time_zone text, active boolean`,
		func(r domain.DirectoryAccount) []any {
			return []any{
				r.ID, r.RowID, nullIfZero(r.ParentAccount), r.Name, r.Email, r.Phone, r.Address,
				r.CustomDomain, r.WhiteLabelURL, r.Color, r.Logo, r.TimeZone, r.Active,
			}
		}),
	newKind("users", "id", `id text, account_id text, name text, email text, phone text, image text, meeting_link text,
		role text, company text, is_owner boolean, active boolean, reset_pending boolean,
		created_at timestamptz, updated_at timestamptz`,
		func(r domain.DirectoryUser) []any {
			return []any{
				r.ID, r.AccountID, r.Name, r.Email, r.Phone, r.Image, r.MeetingLink,
				r.Role, r.Company, r.IsOwner, r.Active, r.ResetPending,
				nullIfZero(r.CreatedAt), nullIfZero(r.UpdatedAt),
			}
		}),
	newKind("orders", "id", `id text, buyer text, seller text, product_type text, assigned_users text[]`,
		func(r domain.DirectoryOrder) []any {
			return []any{r.ID, r.Buyer, r.Seller, r.ProductType, r.AssignedUsers}
		}),
	newKind("sessions", "id", `id text, user_id text, login_at timestamptz`,
		func(r domain.DirectorySession) []any { return []any{r.ID, r.UserID, r.LoginAt} }),
	newKind("members", "id", `id bigint, account_id text, user_id text, name text, active boolean`,
		func(r domain.DirectoryMember) []any {
			return []any{r.ID, r.AccountID, nullIfZero(r.UserID), r.Name, r.Active}
		}),
	newKind("tMemberAuth", "id", `id bigint, member_id bigint, p_id smallint, a_type smallint, secret_ref text,
		expires_at timestamptz, created_at timestamptz, updated_at timestamptz`,
		func(r domain.DirectoryConnection) []any {
			return []any{
				r.ID, r.MemberID, int16(r.Platform), int16(r.AccountType), r.SecretRef,
				r.ExpiresAt, nullIfZero(r.CreatedAt), nullIfZero(r.UpdatedAt),
			}
		}),
	newKind("tDefaultAccount", "member_id", `member_id bigint, social_account_id bigint`,
		func(r domain.DirectoryDefaultAccount) []any { return []any{r.MemberID, r.SocialAccount} }),
	newKind("tSAccounts", "id", `id bigint, parent_account text, account_id text, member_id bigint,
		connection_id bigint, p_id smallint, a_type smallint, external_id text, name text, connected boolean,
		ended text, created_at timestamptz, updated_at timestamptz`,
		func(r domain.DirectorySocialAccount) []any {
			if !r.Connected && r.Ended == "" {
				r.Ended = domain.StatusEndedInMainApp
			}
			return []any{
				r.ID, r.ParentAccount, r.AccountID, r.MemberID, r.ConnectionID,
				int16(r.Platform), int16(r.AccountType), r.ExternalID, r.Name, r.Connected, string(r.Ended),
				nullIfZero(r.CreatedAt), nullIfZero(r.UpdatedAt),
			}
		}),
	newKind("tContentPlanner", "id", `id bigint, account_id text, social_account_id bigint, external_id text,
		c_id bigint, scheduled_at timestamptz`,
		func(r domain.DirectoryPlannedPost) []any {
			return []any{r.ID, r.AccountID, r.SocialAccount, r.ExternalID, r.CategoryID, r.ScheduledAt}
		}),
	newKind("tSubscriptions", "id", `id bigint, account_id text, plan text, price_minor bigint, currency text,
		starts_at timestamptz, ends_at timestamptz`,
		func(r domain.DirectorySubscription) []any {
			return []any{r.ID, r.AccountID, r.Plan, r.PriceMinor, r.Currency, r.StartsAt, r.EndsAt}
		}),
	newKind("tDefaultCategories", "id", `id bigint, name text`,
		func(r domain.DirectoryCategory) []any { return []any{r.ID, r.Name} }),
}
