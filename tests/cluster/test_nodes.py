"""Taking nodes in, looking at them, and giving them back."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, OLD, SERVERS, Bed, Workspace

FIREWALL = "iptables -{} INPUT -s {} -p tcp --dport 24010 -j DROP"


def checks(workspace: Workspace, *hosts: str, code: int = 0) -> dict[str, dict[str, list[str]]]:
    """`node check`: host → check → [state, detail]."""
    run = workspace.run("node", "check", *hosts, "--json")
    assert run.code == code, run.out + run.err
    return {
        node["name"]: {c["check"]: [c["state"], c["detail"]] for c in node["checks"]}
        for node in run.json["nodes"]
    }


def test_check_makes_the_work_directories(workspace: Workspace, clean: Bed) -> None:
    workspace.ok("node", "check", "server1", "--dry-run")
    assert not clean.ok("server1", "test -d /var/lib/kadalu")
    found = checks(workspace, "server1", "server2")
    for path in ("/var/lib/kadalu", "/run/kadalu", "/var/log/kadalu"):
        assert found["server1"][f"directory {path}"] == ["fixed", "made"]
        assert clean.sh("server1", f"stat -c %a {path}").strip() == "700"
    again = checks(workspace, "server1")["server1"]
    assert again["directory /var/lib/kadalu"] == ["ok", "can be written"]
    assert again["trusted xattrs"] == ["ok", "taken"]


def test_check_finds_a_firewall_and_a_name_that_leads_nowhere(
    workspace: Workspace, clean: Bed
) -> None:
    rule = clean.ips["server2"]
    clean.sh("server1", FIREWALL.format("I", rule))
    try:
        found = checks(workspace, "server1", "server2", code=3)
    finally:
        clean.sh("server1", FIREWALL.format("D", rule))
    assert found["server1"]["reaches server2"] == ["ok", "answers"]
    state, detail = found["server2"]["reaches server1"]
    assert state == "missing" and "firewall" in detail
    workspace.inventory(["server1"], {"kadalu_address": "no-such-name"})
    found = checks(workspace, "server1", code=3)
    assert found["server1"]["resolves no-such-name"] == ["missing", "no address"]


def test_a_node_comes_is_looked_at_and_goes(workspace: Workspace, clean: Bed) -> None:
    workspace.ok("cluster", "init", "prod", "--nodes=server1,server2")
    workspace.ok("node", "add", "prod/server3", "--meta-server")
    assert "is a node of cluster prod already" in workspace.refused("node", "add", "server3")
    listed = workspace.json("node", "list", "--status")["nodes"]
    assert [(n["name"], n["state"]) for n in listed] == [(f"server{i}", "Up") for i in (1, 2, 3)]
    info = workspace.json("node", "info", "server3")["node"]
    assert (info["glusterfs"], info["meta_server"], info["storage_units"]) == ("11.1", True, [])
    assert "GlusterFS 11.1" in workspace.ok("node", "update", "server3")
    workspace.ok("node", "remove", "server3", "-y")
    assert clean.sh("server3", "find /var/lib/kadalu -mindepth 1") == ""
    assert "is not a node" in workspace.refused("node", "info", "server3")


def test_a_lost_node_is_forgotten_only_when_told(workspace: Workspace, clean: Bed) -> None:
    workspace.ok("cluster", "init", "prod", "--nodes=server4,server5,server6")
    clean.kill("server6")
    try:
        told = workspace.run("node", "remove", "server6", "-y", "--timeout", "2")
        assert told.code == 4 and "server6" in told.err
        workspace.ok("node", "remove", "server6", "--lost", "-y", "--timeout", "2")
    finally:
        clean.start("server6")
        workspace.inventory([*SERVERS, CLIENT])
    names = [n["name"] for n in workspace.json("node", "list")["nodes"]]
    assert names == ["server4", "server5"]
    # It is back, and still thinks it is ours: it can be taken in again after a word to it.
    assert clean.ok("server6", "ls /var/lib/kadalu/*/identity.json")


def test_cluster_use_chooses_among_several(workspace: Workspace, clean: Bed) -> None:
    clean.wipe(SERVERS)
    workspace.ok("cluster", "init", "one", "--nodes=server1")
    workspace.ok("cluster", "init", "two", "--nodes=server2")
    assert "which cluster?" in workspace.refused("node", "list")
    workspace.ok("cluster", "use", "two")
    assert [n["name"] for n in workspace.json("node", "list")["nodes"]] == ["server2"]
    run = workspace.run("node", "list", "--json", env={"KADALU_CLUSTER": "one"})
    assert [n["name"] for n in run.json["nodes"]] == ["server1"]
    assert "server1: it is a node of" in workspace.refused("node", "add", "two/server1")


def test_guards_that_a_flag_lifts(workspace: Workspace, clean: Bed) -> None:
    clean.wipe(SERVERS)
    workspace.ok("cluster", "init", "prod", "--nodes=server1")
    create = ["volume", "create", "guarded", "replica", "3"]
    units = ["server1:/root/u", "server1:/data1/deep/u", "server2:/data1/u"]
    told = workspace.refused(*create, *units)
    assert "server2 is not a node" in told or "--auto-add-nodes" in told
    told = workspace.refused(*create, *units, "--auto-add-nodes", "--same-node")
    assert "/root/u" in told and "--allow-rootdirs" in told
    assert "/data1/deep" in told and "--create-parents" in told
    lifted = ["--auto-add-nodes", "--allow-rootdirs", "--create-parents"]
    assert "--same-node" in workspace.refused(*create, *units, *lifted)
    workspace.ok(*create, *units, *lifted, "--same-node")
    status = workspace.json("volume", "status", "guarded")["volumes"][0]
    assert status["health"] == "Up"
    assert [n["name"] for n in workspace.json("node", "list")["nodes"]] == ["server1", "server2"]
    workspace.ok("volume", "stop", "guarded", "-y")
    workspace.ok("volume", "delete", "guarded", "--wipe", "-y")
    assert not clean.ok("server1", "ls -d /data1/deep /root/u")


def test_doctor_says_what_is_broken(workspace: Workspace, clean: Bed) -> None:
    clean.wipe(SERVERS)
    workspace.ok("cluster", "init", "prod", "--nodes=server1")
    rows = {c["check"]: c["state"] for c in workspace.json("doctor")["checks"]}
    assert rows["inventory"] == rows["cluster prod"] == rows["free space"] == "ok"
    state = next((workspace.path / "state").glob("*/state.json"))
    state.write_text(state.read_text()[:200])
    run = workspace.run("doctor", "--json")
    broken = [c for c in run.json["checks"] if c["state"] == "error"]
    assert run.code == 1 and [c["check"] for c in broken] == ["cluster prod"]
    assert str(state) in broken[0]["detail"]


@pytest.fixture
def packages(clean: Bed, tmp_path: Path) -> str:
    """A node of Debian 12 without GlusterFS, and with a package archive of its own disk."""
    node = OLD[0]
    names = clean.sh(node, "dpkg-query -W -f '${Package}\\n' | grep -i gluster | grep -v '^lib'")
    names += clean.sh(node, "dpkg-query -W -f '${Package}\\n' | grep -E '^lib(g|gluster).*'")
    mine = [n for n in names.split() if "gluster" in n or n in ("libgfapi0", "libgfchangelog0",
            "libgfrpc0", "libgfxdr0")]  # fmt: skip
    subprocess.run(["apt-get", "-q", "download", *mine], cwd=tmp_path, check=True)
    archive = "/srv/debs"
    clean.sh(node, f"mkdir -p {archive}")
    clean.docker("cp", f"{tmp_path}/.", f"{clean.container(node)}:{archive}")
    clean.sh(
        node,
        f"cd {archive} && for f in *.deb; do dpkg-deb -f $f; echo Filename: ./$f;"
        " echo Size: $(stat -c %s $f); echo SHA256: $(sha256sum $f | cut -d' ' -f1); echo;"
        " done > Packages; rm -rf /etc/apt/sources.list.d/* /etc/apt/sources.list;"
        f" echo 'deb [trusted=yes] file:{archive} ./' > /etc/apt/sources.list;"
        f" dpkg -r --force-depends {' '.join(mine)}",
    )
    return node


@pytest.mark.release10
def test_install_brings_the_distributions_packages(
    packages: str, workspace: Workspace, clean: Bed
) -> None:
    node = packages
    workspace.inventory([node])
    workspace.ok("cluster", "create", "fresh")
    assert "GlusterFS is not installed" in workspace.refused("node", "add", node)
    workspace.ok("node", "add", node, "--install")
    assert clean.ok(node, "glusterfsd --version")
    assert workspace.json("node", "info", node)["node"]["glusterfs"].startswith("10.")
    workspace.ok("volume", "create", "v", f"{node}:/data1/v")
