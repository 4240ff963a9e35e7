# What `cmake --install` and CPack (Debian packages) put where, in two components:
#
#   control   seedbed and seedbed-coordinator; no LibTorch
#   worker    seedbed-worker and seedbed-results, and the programs that they start, which load LibTorch; it is not part
#             of the package: /usr/lib/seedbed/install_libtorch.sh brings it
include(GNUInstallDirs)
# Packages are made of what is built, which need not be everything.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(SEEDBED_INSTALLED_TORCH_ROOT "/usr/lib/seedbed/libtorch/lib/python3.11/site-packages"
  CACHE PATH "Folder with torch/ and nvidia/ in it that installed programs load LibTorch from")

install(TARGETS seedbed seedbed-coordinator RUNTIME COMPONENT control)
install(FILES deploy/systemd/seedbed-coordinator.service DESTINATION lib/systemd/system COMPONENT control)
set(CPACK_COMPONENTS_ALL control)

if(SEEDBED_LIBTORCH)
  set(SEEDBED_TORCH_PROGRAMS seedbed-trainer seedbed-agree seedbed-convert)
  set_target_properties(${SEEDBED_TORCH_PROGRAMS} PROPERTIES INSTALL_RPATH "${SEEDBED_INSTALLED_TORCH_ROOT}/torch/lib")
  install(TARGETS seedbed-worker seedbed-results ${SEEDBED_TORCH_PROGRAMS} RUNTIME COMPONENT worker)
  install(PROGRAMS tools/install_libtorch.sh DESTINATION lib/seedbed COMPONENT worker)
  install(FILES deploy/systemd/seedbed-worker.service deploy/systemd/seedbed-results.service
    DESTINATION lib/systemd/system COMPONENT worker)
  list(APPEND CPACK_COMPONENTS_ALL worker)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The Seedbed maintainers")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${LibTorch_DIR_LIB}")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_CONTROL_PACKAGE_NAME seedbed-control)
set(CPACK_DEBIAN_WORKER_PACKAGE_NAME seedbed-worker)
set(CPACK_DEBIAN_WORKER_PACKAGE_DEPENDS "adduser, python3-venv")
set(CPACK_COMPONENT_CONTROL_DESCRIPTION "Seedbed's coordinator and command line
Trains sparse autoencoders that differ only in their seed and measures how far their features agree.")
set(CPACK_COMPONENT_WORKER_DESCRIPTION "Seedbed's worker and results service
Runs the ranks of one machine, and computes how far dictionaries agree.
Needs LibTorch, which /usr/lib/seedbed/install_libtorch.sh installs.")
set(CPACK_DEBIAN_CONTROL_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/deploy/debian/postinst")
set(CPACK_DEBIAN_WORKER_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/deploy/debian/postinst")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
