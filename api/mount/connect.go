package mount

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Connect says how pages and profiles are connected below the handler: by people in a browser, and by tokens that the main application hands
// over. What the program has a setting for must be the same there.
type Connect struct {
	SecretsKey string // LEDGERBOARD_SECRETS_KEY, which seals tokens; required
	// PublicURL is where browsers find the handler, with Config.HTTP.Prefix, like https://app.example.com/boards: platforms send people back to
	// <PublicURL>/connect/1, 3, 4 and 6. "": nobody connects in a browser; tokens can be handed over.
	PublicURL     string
	ReturnOrigins []string // origins that a result page may lead back to, beside PublicURL's
	Quotas        []string // LEDGERBOARD_QUOTAS, like "linkedin:app:500/24h"; nil: its defaults

	Facebook, Instagram, LinkedIn, TikTok App
}

// App is the main application's app at a platform.
type App struct {
	ID, Secret string
	Scopes     []string // LinkedIn: all that the app has, always the same; nil: what readings need
	ConfigID   string   // Facebook: of Login for Business; "": Facebook Login
	BaseURL    string   // of a simulator; "": the platform's own
}

func (a App) endpoint() platforms.Endpoint {
	return platforms.Endpoint{BaseURL: a.BaseURL, ClientID: a.ID, ClientSecret: a.Secret, Scopes: slices.Clone(a.Scopes), ConfigID: a.ConfigID}
}

// validate returns every fault at once, joined.
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
	_, errKey := assembly.ParseSecretsKeys(c.SecretsKey)
	_, errQuotas := quota.ParseLimits(c.Quotas)
	return errors.Join(named("SecretsKey", errKey), named("PublicURL", assembly.CheckPublicURL(c.PublicURL)), named("Quotas", errQuotas))
}

// into completes what a process is made of.
func (c *Connect) into(config *assembly.Config) (err error) {
	if c == nil {
		return nil
	}
	if config.SecretsKeys, err = assembly.ParseSecretsKeys(c.SecretsKey); err != nil {
		return err
	}
	fetch := assembly.FetchConfig{Platforms: platforms.Config{
		Facebook: c.Facebook.endpoint(), Instagram: c.Instagram.endpoint(), LinkedIn: c.LinkedIn.endpoint(), TikTok: c.TikTok.endpoint(),
	}}
	if fetch.Quota.Limits, err = quota.ParseLimits(c.Quotas); err != nil {
		return err
	}
	config.Platforms = &fetch
	if c.PublicURL != "" {
		config.Connect = &assembly.ConnectConfig{PublicURL: c.PublicURL, ReturnOrigins: c.ReturnOrigins}
	}
	return nil
}
