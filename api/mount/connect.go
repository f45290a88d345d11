package mount

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Connect configures how pages and profiles are connected: by people in a browser, or with tokens
// that the main application sends. If the program has a corresponding setting, both must have the
// same value.
type Connect struct {
	SecretsKey string // LEDGERBOARD_SECRETS_KEY, which encrypts tokens; required
	// PublicURL is the URL of the handler for browsers, including Config.HTTP.Prefix, such as
	// https://app.example.com/boards. Platforms redirect people to its paths /connect/1, 3, 4 and
	// 6. If it is empty, pages cannot be connected in a browser, but the main application can send
	// tokens.
	PublicURL     string
	ReturnOrigins []string // additional origins that a result page may link back to
	Quotas        []string // LEDGERBOARD_QUOTAS, such as "linkedin:app:500/24h"; nil means the defaults

	Facebook, Instagram, LinkedIn, TikTok App
}

// App is the main application's app on a platform.
type App struct {
	ID, Secret string
	Scopes     []string // LinkedIn: all scopes of the app, always the same; nil means those that readings need
	ConfigID   string   // Facebook: configuration of Login for Business; "" means Facebook Login
	Version    string   // of the platform's API; "" means the newest that the program knows
	BaseURL    string   // of a simulator; "" means the platform's URL
}

func (a App) endpoint() platforms.Endpoint {
	return platforms.Endpoint{
		BaseURL: a.BaseURL, ClientID: a.ID, ClientSecret: a.Secret, Scopes: slices.Clone(a.Scopes),
		ConfigID: a.ConfigID, Version: a.Version,
	}
}

func (c *Connect) validate() error {
	if c == nil {
		return nil
	}
	named := func(field string, err error) error {
		if err != nil {
			err = fmt.Errorf("mount: Config.Connect.%s: %w", field, err)
		}
		return err
	}
	_, errKey := app.ParseSecretsKeys(c.SecretsKey)
	_, errQuotas := domain.ParseQuotas(c.Quotas)
	return errors.Join(
		named("SecretsKey", errKey), named("PublicURL", app.CheckPublicURL(c.PublicURL)),
		named("Quotas", errQuotas),
	)
}

// into adds c, which must be valid, to the configuration of a process.
func (c *Connect) into(config *app.Config) {
	if c == nil {
		return
	}
	config.SecretsKeys, _ = app.ParseSecretsKeys(c.SecretsKey)
	config.Platforms = &app.FetchConfig{Platforms: platforms.Config{
		Facebook: c.Facebook.endpoint(), Instagram: c.Instagram.endpoint(), LinkedIn: c.LinkedIn.endpoint(),
		TikTok: c.TikTok.endpoint(),
	}}
	config.Platforms.Quota.Limits, _ = domain.ParseQuotas(c.Quotas)
	if c.PublicURL != "" {
		config.Connect = &app.ConnectConfig{PublicURL: c.PublicURL, ReturnOrigins: c.ReturnOrigins}
	}
}
