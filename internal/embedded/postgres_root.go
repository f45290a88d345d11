package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

const nobody = 65534

// account is whom the server runs as. PostgreSQL refuses uid 0, so a root process drops to another one for it.
type account struct {
	uid, gid uint32
	drop     bool
}

// serverAccount picks the account: our own when we are not root; else the owner of the existing cluster, so that a
// cluster made by an ordinary user stays theirs; else postgres, else nobody.
func serverAccount(data string) (account, error) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	var owner syscall.Stat_t
	err := syscall.Stat(data, &owner)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("inspect %s: %w", data, err)
	}
	exists := err == nil
	if uid != 0 {
		if exists && owner.Uid != uid {
			return account{}, fmt.Errorf("cluster in %s belongs to user id %d and you are %d: "+
				"start as root or as that user, or choose another data directory", data, owner.Uid, uid)
		}
		return account{uid: uid, gid: gid}, nil
	}
	if exists && owner.Uid != 0 {
		return account{uid: owner.Uid, gid: owner.Gid, drop: true}, nil
	}
	acct := unprivileged()
	if exists { // restored or copied by root
		if err := chownTree(data, acct); err != nil {
			return account{}, err
		}
	}
	return acct, nil
}

func unprivileged() account {
	for _, name := range []string{"postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(entry.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(entry.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{uid: uint32(uid), gid: uint32(gid), drop: true}
		}
	}
	return account{uid: nobody, gid: nobody, drop: true}
}

func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives a file or directory of ours to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to user id %d: %w", path, a.uid, err)
	}
	return nil
}

// reaches tells whether the account can pass through every directory above path, by their mode bits. Root's home
// directory and t.TempDir of a root test are 0700: nobody else gets in.
func (a account) reaches(path string) bool {
	if !a.drop {
		return true
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		if !a.passes(dir) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func (a account) passes(dir string) bool {
	var stat syscall.Stat_t
	switch err := syscall.Stat(dir, &stat); {
	case err != nil:
		return false
	case stat.Uid == a.uid:
		return stat.Mode&0o100 != 0
	case stat.Gid == a.gid:
		return stat.Mode&0o010 != 0
	default:
		return stat.Mode&0o001 != 0
	}
}

func chownTree(dir string, acct account) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %s: %w", path, err)
		}
		return acct.own(path)
	})
}
