package app

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"posthoorn/internal/app/config"

	"golang.org/x/sys/unix"
)

// dropPrivileges changes to the configured user, now that the ports are open.
func (d *Daemon) dropPrivileges() error {
	name := d.cfg.General.User
	if name == "" {
		return nil
	}
	uid, gid, err := idsOf(name)
	if err != nil {
		return wrong(config.ExitConfig, "user: %w", err)
	}
	if uid == syscall.Getuid() {
		return nil
	}
	for _, step := range []func() error{
		func() error { return d.handOver(uid, gid) },
		func() error { return syscall.Setgroups([]int{gid}) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
	} {
		if err := step(); err != nil {
			return wrong(config.ExitConfig, "user %s: %w", name, err)
		}
	}
	return d.mayRotate(name)
}

func idsOf(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid, nil
}

// mayRotate refuses to go on where the user could not make new log files: that would show at the first rotation only, and cost lines
// of the record then.
func (d *Daemon) mayRotate(name string) error {
	for _, f := range d.logFiles() {
		dir := filepath.Dir(f)
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return wrong(config.ExitConfig, "user %s cannot make log files in %s (%w); give it that directory: chown %s %s", name, dir, err, name, dir)
		}
	}
	return nil
}

// handOver gives the state directory, the logs, and the directories that were made for them, to the user that the process changes
// to. A directory that was there before belongs to somebody else, perhaps to the system.
func (d *Daemon) handOver(uid, gid int) error {
	for _, path := range append(d.logFiles(), d.madeForLogs...) {
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	return filepath.WalkDir(d.cfg.General.StateDirectory, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// logFiles are the files of the logs that are written.
func (d *Daemon) logFiles() (list []string) {
	l := &d.cfg.Logs
	files := append([]string{l.Send.File, l.SendBin.File, l.Received.File, l.ReceivedBin.File, l.Download.File, l.DownloadBin.File, l.Error}, l.Application...)
	for _, f := range files {
		if strings.HasPrefix(f, "/") && filepath.Dir(f) != "/dev" {
			list = append(list, f)
		}
	}
	return list
}

// missingLogDirectories are those that opening the logs is going to make.
func (d *Daemon) missingLogDirectories() (list []string) {
	for _, f := range d.logFiles() {
		for dir := filepath.Dir(f); ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
				break
			}
			list = append(list, dir)
		}
	}
	return list
}
