"""A Samba Active Directory domain controller of synthetic people, for one test.

It runs in user and network namespaces of its own, so that it needs neither root
nor the machine's ports 389 and 636. File descriptor 3 is a listening socket of
the machine: what connects there goes on to the controller's LDAPS port. Nothing
is accepted before that port answers.
"""
import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import struct
import sys

from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.provision import FILL_FULL, provision

LDAPS = ("127.0.0.1", 636)

SMB_CONF = """
[global]
  realm = VIDU.EXAMPLE
  workgroup = VIDU
  netbios name = DC
  server role = active directory domain controller
  server services = ldap
  interfaces = lo
  bind interfaces only = yes
  private dir = {dir}/private
  state directory = {dir}/state
  cache directory = {dir}/cache
  lock directory = {dir}/lock
  pid directory = {dir}/run
  ncalrpc dir = {dir}/ncalrpc
  binddns dir = {dir}/bind-dns
  winbindd socket directory = {dir}/winbindd
  ntp signd socket directory = {dir}/ntp
  usershare max shares = 0
  tls certfile = {certificate}
  tls keyfile = {key}
  tls cafile = {ca}
[sysvol]
  path = {dir}/sysvol
[netlogon]
  path = {dir}/sysvol/scripts
"""


def raise_loopback():
    """The loopback interface of a new network namespace is down (netdevice(7))."""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        name, flags = struct.unpack("16sH", fcntl.ioctl(s, get_flags, struct.pack("16sH14x", b"lo", 0))[:18])
        fcntl.ioctl(s, set_flags, struct.pack("16sH14x", name, flags | up))


def make_domain(settings, conf):
    """Provisions the domain and adds the people, in a few seconds."""
    lp = LoadParm()
    lp.load(conf)
    samdb = provision(
        logging.getLogger("provision"), system_session(), smbconf=conf, lp=lp, samdb_fill=FILL_FULL,
        realm="VIDU.EXAMPLE", domain="VIDU", hostname="dc", hostip="127.0.0.1",
        serverrole="active directory domain controller", dns_backend="NONE",
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        skip_sysvolacl=True,  # the one part that needs root, and no file is served
    ).samdb
    samdb.newuser("svc-eidgate", settings["service_password"], description="reads people for the gateway")
    for who in settings["residents"]:
        login = who["login"]
        samdb.newuser(
            login, who["password"], description="synthetic person of a test",
            force_password_change_at_next_login_req=who["state"] == "must-change",
        )
        if who["state"] == "locked":
            samdb.disable_account(f"(sAMAccountName={login})")
        dn = str(samdb.search(expression=f"(sAMAccountName={login})", attrs=["dn"])[0].dn)
        # Not the extension attributes made for such things: they belong to the property
        # set Personal Information, which people write of themselves.
        said = {
            "displayName": who["name"],
            "employeeNumber": who["number"],
            "extensionName": who["born"],
            "employeeType": str(who["level"] or ""),
        }
        changes = "".join(f"replace: {name}\n{name}: {value}\n-\n" for name, value in said.items() if value)
        samdb.modify_ldif(f"dn: {dn}\nchangetype: modify\n{changes}")


async def pump(reader, writer):
    """Copies one direction until it ends."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def connect(reader, writer):
    """Takes one connection on to the controller."""
    try:
        inner_reader, inner_writer = await asyncio.open_connection(*LDAPS)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))


async def answers(samba):
    """Waits until the LDAPS port answers."""
    while samba.returncode is None:
        try:
            _, writer = await asyncio.open_connection(*LDAPS)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return


async def serve(conf):
    """Runs the controller until it ends or is told to."""
    samba = await asyncio.create_subprocess_exec(
        "/usr/sbin/samba", "--interactive", "--model=single", "--debug-stdout", "--configfile=" + conf,
        stdin=asyncio.subprocess.PIPE,  # it ends when this does
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, samba.terminate)
    await answers(samba)
    await asyncio.start_server(connect, sock=socket.socket(fileno=3))
    return await samba.wait()


def main():
    settings = json.load(sys.stdin)
    raise_loopback()
    conf = os.path.join(settings["dir"], "smb.conf")
    for name in ("private", "state", "cache", "lock", "run", "bind-dns", "sysvol"):
        os.mkdir(os.path.join(settings["dir"], name))
    with open(conf, "w", encoding="utf-8") as f:
        f.write(SMB_CONF.format(**settings))
    make_domain(settings, conf)
    asyncio.run(serve(conf))


main()
